"""How work is captured as a CUDA graph, with a recording in the place of CUDA's."""

import gc
import threading
import weakref
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tape import Recorder, again

from trainables.device import training_dtype, use_threads
from trainables.pack import Member
from trainables.recipe import Setting
from trainables.step.execution import CudaGraphs, Eager
from trainables.training import TrainingData, _Trainer, fit, steps

CPU = torch.device("cpu")


class Graph:
    """Records on the CPU what a graph would capture."""

    def __init__(self):
        self.recorder = Recorder()

    @torch.inference_mode()
    def replay(self):
        for operation in self.recorder.operations:
            again(*operation)


@contextmanager
def capture(graph, stream, capture_error_mode):
    assert capture_error_mode == "thread_local"  # checkpoints are copied by other threads
    with graph.recorder:
        yield


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    """CUDA's functions that ``CudaGraphs`` calls, on the CPU; gives the names of those called."""
    called = []
    stream = SimpleNamespace(wait_stream=lambda other: called.append("wait"))

    def noted(name, result=None):
        return lambda *_: (called.append(name), result)[1]

    for name, function in {
        "synchronize": noted("synchronize"),
        "current_stream": noted("current", stream),
        "Stream": noted("stream", stream),
        "stream": lambda _: nullcontext(),
        "get_rng_state": lambda _: torch.get_rng_state(),
        "set_rng_state": lambda state, _: torch.set_rng_state(state),
        "CUDAGraph": Graph,
        "graph": capture,
    }.items():
        monkeypatch.setattr(torch.cuda, name, function)
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", noted("workspaces"))
    return called


def test_a_capture_leaves_what_it_changes_and_the_generator_as_they_were():
    numbers, place = torch.arange(3.0), torch.zeros(1, dtype=torch.int64)

    def work():
        numbers.add_(torch.rand(3))
        place.add_(1)

    state = torch.get_rng_state()
    replay = CudaGraphs(CPU).repeatable(work, [numbers, place])
    assert torch.equal(numbers, torch.arange(3.0)) and not place.any()
    assert torch.equal(torch.get_rng_state(), state)
    replay()
    torch.set_rng_state(state)
    assert torch.equal(numbers, torch.arange(3.0) + torch.rand(3)) and place == 1


def test_a_graph_multiplies_in_a_workspace_that_no_other_has(recorded):
    """Torch's, a stream's, is given up before a capture and after it."""
    CudaGraphs(CPU).repeatable(lambda: recorded.append("work"), [])
    order = [name for name in recorded if name in ("work", "workspaces")]
    assert order == [*3 * ["work"], "workspaces", "work", "workspaces"]


@pytest.mark.parametrize("images", [25, 50])
def test_a_training_of_fewer_batches_than_a_capture_warms_up_with_is_captured(embedded, images):
    data = TrainingData.of(embedded.limited(images, 100), CPU)
    asked = Setting.of("conv3", {"batch_size": 25}, 1, 0)
    (epoch,) = fit(asked, replace(data, execution=CudaGraphs(CPU)))
    (expected,) = fit(asked, data)
    assert epoch.metrics["val_loss"] == expected.metrics["val_loss"]


def test_a_training_by_graphs_is_the_loop_bit_for_bit(embedded):
    use_threads(1)
    data = TrainingData.of(embedded.limited(100, 100), CPU)
    asked = Setting.of("conv3", {"batch_size": 25, "dropout": 0.3}, 2, 0)
    graphs = CudaGraphs(CPU)
    *_, ours = fit(asked, replace(data, execution=graphs))
    *_, theirs = fit(asked, data)
    assert ours.metrics["val_loss"] == theirs.metrics["val_loss"]
    model = theirs.state["model"]
    assert all(torch.equal(ours.state["model"][name], model[name]) for name in model)


def test_a_captured_step_copies_the_weights_down_and_their_gradients_up_once(embedded):
    """What a capture puts back is no change, after which the step would copy each weight anew."""
    if training_dtype(CPU) != torch.bfloat16:
        pytest.skip("this CPU has no bfloat16 in hardware, so weights have no copies")
    data = TrainingData.of(embedded.limited(50, 100), CPU)
    trainer = _Trainer(
        Setting.of("conv3", {"batch_size": 25}, 1, 0), replace(data, execution=CudaGraphs(CPU))
    )
    list(trainer.run())
    operations = trainer._passes._step._work._graph.recorder.operations
    names = [func.overloadpacket.__name__ for func, *_ in operations]
    assert names.count("_foreach_copy_") == 2


def test_a_graph_is_destroyed_by_the_next_capture_alone_whoever_dropped_it(recorded):
    """Not by the thread that drops it, while other graphs may be replayed."""
    graphs = CudaGraphs(CPU)
    replays = [graphs.repeatable(lambda: None, [])]
    graph = weakref.ref(replays[0]._graph)
    thread = threading.Thread(target=replays.clear)
    thread.start()
    thread.join()
    assert graph() is not None
    recorded.clear()
    graphs.repeatable(lambda: None, [])
    assert graph() is None
    assert recorded[0] == "synchronize"  # the device is idle then


@pytest.mark.parametrize("execution", [Eager(), CudaGraphs(CPU)], ids=["eager", "graphs"])
def test_what_an_ended_training_held_is_freed_without_a_garbage_collection(embedded, execution):
    """A process trains hundreds, and a GPU's memory does not tell Python that it is short."""
    data = replace(TrainingData.of(embedded.limited(50, 100), CPU), execution=execution)
    setting = Setting.of("conv3", {"batch_size": 25, "schedule": "one_cycle"}, 1, 0)
    gc.collect()
    gc.disable()
    try:
        trainer = _Trainer(setting, data)
        list(trainer.run())
        held = trainer._passes
        refs = [weakref.ref(each) for each in (held._step, held.learner, held.learner.optimizer)]
        refs += [weakref.ref(weight) for weight in held.learner.weights.masters]
        del trainer, held
        execution.repeatable(lambda: None, [])  # when graphs end
        assert [ref() for ref in refs if ref() is not None] == []
    finally:
        gc.enable()


def test_a_member_that_is_given_up_leaves_no_graph_behind(embedded):
    data = TrainingData.of(embedded.limited(100, 100), CPU)
    graphs = CudaGraphs(CPU)
    asked = Setting.of("conv3", {"batch_size": 25}, 2, 0)
    member = Member(steps(asked, replace(data, execution=graphs)), CPU)
    member.advance()
    del member
    (graph,) = (weakref.ref(each) for each in graphs._ended)
    graphs.repeatable(lambda: None, [])
    assert graph() is None

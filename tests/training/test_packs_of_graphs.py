"""Members whose steps are recorded and repeated, in turns: none changes what another computes."""

from dataclasses import replace

import pytest
import torch
from tape import Tape

from trainables.checkpoint import load, save
from trainables.device import use_threads
from trainables.pack import Member
from trainables.recipe import Setting
from trainables.training import NonFiniteLossError, TrainingData, fit, steps

CPU = torch.device("cpu")
DROPPING = {"dropout": 0.3, "flip": True, "noise": 0.1, "batch_size": 25}
SETTINGS = {
    "dropping": Setting.of("conv3", DROPPING, 3, 1),
    "mixing": Setting.of("gap5", {"pool_stride": 2, "mixup": 0.4, "batch_size": 20}, 2, 2),
    "cycling": Setting.of(
        "conv3", {"schedule": "one_cycle", "cycle_momentum": True, "batch_size": 25}, 2, 3
    ),
}
DIVERGING = Setting.of("conv3", {"optimizer": "sgd", "lr": 100.0, "batch_size": 25}, 3, 4)


@pytest.fixture(scope="module")
def data(embedded):
    use_threads(1)
    return replace(TrainingData.of(embedded.limited(110, 100), CPU), execution=Tape(chunk=50))


def kept(epoch):
    return epoch.metrics["val_loss"], {k: v.clone() for k, v in epoch.state["model"].items()}


@pytest.fixture(scope="module")
def alone(data):
    return {name: [kept(epoch) for epoch in fit(asked, data)] for name, asked in SETTINGS.items()}


def assert_same(ours, theirs) -> None:
    assert [loss for loss, _ in ours] == [loss for loss, _ in theirs]
    for (_, weights), (_, expected) in zip(ours, theirs, strict=True):
        assert all(torch.equal(weights[name], value) for name, value in expected.items())


def trained_in_turns(trainings, leaving=()):
    """Epochs and errors by name; those of ``leaving`` are given up after three turns."""
    members = {name: Member(each, CPU) for name, each in trainings.items()}
    del trainings
    epochs, errors, turn = {name: [] for name in members}, {}, 0
    while members:
        turn += 1
        for name in list(members):
            if turn == 3 and name in leaving:
                del members[name]
                continue
            try:
                epoch = members[name].advance()
            except (StopIteration, ArithmeticError, MemoryError) as error:
                errors[name] = type(error)
                del members[name]
                continue
            if epoch is not None:
                epochs[name].append(kept(epoch))
    return epochs, errors


@pytest.fixture(scope="module")
def together(data, tmp_path_factory):
    """A pack of which some fail, one leaves, and one goes on from a file."""
    path = tmp_path_factory.mktemp("states") / "state.pt"
    save(next(fit(SETTINGS["dropping"], data)).state, path)

    def failing():
        yield from (each for each, _ in zip(steps(SETTINGS["mixing"], data), "ab", strict=False))
        raise MemoryError

    trainings = {name: steps(setting, data) for name, setting in SETTINGS.items()} | {
        "diverging": steps(DIVERGING, data),
        "failing": failing(),
        "leaving": steps(SETTINGS["dropping"], data),
        "resumed": steps(SETTINGS["dropping"], data, load(path)),
    }
    return trained_in_turns(trainings, leaving=("leaving",))


@pytest.mark.parametrize("name", SETTINGS)
def test_each_computes_what_it_would_alone_bit_for_bit(together, alone, name):
    assert_same(together[0][name], alone[name])


def test_one_that_is_resumed_goes_on_as_if_it_had_never_stopped(together, alone):
    assert_same(together[0]["resumed"], alone["dropping"][1:])


def test_those_that_fail_end_by_their_own_errors(together):
    _, errors = together
    assert errors["diverging"] is NonFiniteLossError
    assert errors["failing"] is MemoryError
    assert "leaving" not in errors
    assert {errors[name] for name in (*SETTINGS, "resumed")} == {StopIteration}

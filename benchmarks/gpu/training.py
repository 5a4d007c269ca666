"""One training: ways to launch it, whether they give equal results, and possible additions."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.gpu.bench import BATCH, EPOCH, Bench, Line, Lines, StepLoop
from benchmarks.throughput import COMPOSITE, flops_per_image
from benchmarks.ways import Case
from trainables.architectures import gap6
from trainables.step import lean_weights
from trainables.step.execution import Eager, Execution, Work
from trainables.training import TrainingData, fit

BEFORE, GRAPH = "eager, autocast", "graph, lean"
# For each way: whether steps are captured, and whether weights have bfloat16 copies.
WAYS = {
    BEFORE: (False, False),
    "graph, autocast": (True, False),
    GRAPH: (True, True),
}
SMALL = ("conv3", "gap5")
Weights = dict[str, Tensor]


def steps(bench: Bench, name: str) -> Lines:
    """Milliseconds of a training epoch of 50,000 images in each way, without validation."""
    setting, some = bench.setting(name), bench.dataset(name, 100)
    case = Case(name, bench.parameters(name), some, "", setting.recipe, torch.device("cpu"))
    yield {"architecture": name, "gflop_an_image": flops_per_image(case) / 1e9}
    for way, (captured, lean) in WAYS.items():
        images = 40 * BATCH if not captured else 12 * 4096 if name in SMALL else 3 * 4096
        data = bench.data(name, bench.pick(images, 16))
        data = data if captured else replace(data, execution=Eager())
        with nullcontext() if lean else _autocast_alone():
            ms = _epoch_ms(bench, name, data)
        step = 1000 * ms * setting.recipe.batch_size / EPOCH
        yield {"architecture": name, "way": way, "epoch_ms": ms, "step_us": step}


@contextmanager
def _autocast_alone() -> Iterator[None]:
    """Within the context, autocast casts weights in every step."""
    with patch.object(lean_weights, "_pairs", lambda model: []):
        yield


def _epoch_ms(bench: Bench, name: str, data: TrainingData) -> float:
    """Milliseconds of an epoch by the device's clock, over the epochs after the first."""
    setting = bench.setting(name, flip=True, crop_padding=4)
    epochs, rates = fit(setting, data), list[float]()
    next(epochs)
    start = time.perf_counter()
    while len(rates) < 2 or (not bench.dry and time.perf_counter() - start < 1):
        rates.append(next(epochs).metrics["images_per_second"])
    return 1000 * EPOCH / median(rates)


def exactness(bench: Bench) -> Lines:
    """Compare weights after 20 steps, replayed and eager, without and with dropout."""
    for name in SMALL:
        for dropout in (0.0, 0.25):
            with deterministic():
                graph, eager, again = (
                    trained(bench, name, execution, dropout)
                    for execution in (bench.execution, Eager(), Eager())
                )
            repeats = {"eager_repeats": not difference(eager, again)}
            yield {"architecture": name, "dropout": dropout, **compared(graph, eager), **repeats}


def trained(bench: Bench, name: str, execution: Execution, dropout: float) -> Weights:
    """Weights after an epoch of 20 steps."""
    setting = bench.setting(name, epochs=1, dropout=dropout)
    data = bench.data(name, 20 * setting.recipe.batch_size)
    (epoch,) = fit(setting, replace(data, execution=execution))
    return {key: value.clone() for key, value in epoch.state["model"].items()}


@contextmanager
def deterministic() -> Iterator[None]:
    """Within the context, cudnn chooses the same kernels for all ways of launching."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = True, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


def difference(one: Weights, other: Weights) -> float:
    """The largest difference between two sets of weights."""
    return max(float((one[key].double() - other[key].double()).abs().max()) for key in one)


def compared(one: Weights, other: Weights) -> Line:
    """Whether all weights are equal, and the largest difference."""
    return {"equal": difference(one, other) == 0, "worst": difference(one, other)}


def channels(bench: Bench) -> Lines:
    """Measure channels padded for tensor cores: of the input, and of gap6's layers."""
    for name in ("conv3", "gap5", "gap6"):
        for count in (3, 4, 8):
            us = _padded(bench, name, count)
            yield {"architecture": name, "input_channels": count, "step_us": us}
    for widths in ((119, 221), (120, 224), (128, 224), (128, 256)):
        padded = dict(zip((119, 221), widths, strict=True))
        blocks = tuple((padded.get(n, n), kernel, drop) for n, kernel, drop in gap6.BLOCKS)
        with patch.object(gap6, "BLOCKS", blocks):
            us = _padded(bench, "gap6", 8)
        yield {"architecture": "gap6", "input_channels": 8, "widths": widths, "step_us": us}


def _padded(bench: Bench, name: str, count: int) -> float:
    model: Any = bench.network(name)
    first = model.conv1
    if count != 3:
        model.conv1 = nn.Conv2d(
            count,
            first.out_channels,
            first.kernel_size,
            padding=first.padding,
            bias=first.bias is not None,
        ).to(bench.device)
    return StepLoop(bench, model, 40 if name in COMPOSITE else 32, count).microseconds()


class Several:
    """Several steps in one graph.

    Args:
        execution: captures the graph.
        count: number of steps in a graph.
    """

    captures = True

    def __init__(self, execution: Execution, count: int) -> None:
        self._execution, self._count, self.chunk = execution, count, execution.chunk

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """A function that does ``work`` several times."""

        def all_of_them() -> None:
            for _ in range(self._count):
                work()

        return self._execution.repeatable(all_of_them, changed)


def unrolled(bench: Bench) -> Lines:
    """Measure several steps in one graph."""
    for count in bench.pick((1, 4, 16), (1, 4)):
        several = Several(bench.execution, count)
        loop = StepLoop(bench, bench.network("conv3"), execution=several)
        yield {"steps": count, "step_us": loop.microseconds(count)}


def compiled(bench: Bench, name: str) -> Lines:
    """Measure Inductor's forward and backward within the graph, and its compile time."""
    size, backend = 40 if name in COMPOSITE else 32, bench.pick("inductor", "eager")
    for way in ("as written", "compiled"):
        torch.compiler.reset()
        start, model = time.perf_counter(), bench.network(name)
        if way == "compiled":
            model = torch.compile(model, dynamic=False, backend=backend)  # type: ignore[assignment]
        # The mode by which copies of weights come in would be compiled too; Inductor fuses casts.
        with _autocast_alone() if way == "compiled" else nullcontext():
            us = StepLoop(bench, model, size).microseconds()
        seconds = time.perf_counter() - start
        yield {"architecture": name, "way": way, "step_us": us, "seconds": seconds}

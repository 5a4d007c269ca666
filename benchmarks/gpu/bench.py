"""The tools of every part: a device, data, trainings and a clock."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.throughput import COMPOSITE, case_of
from benchmarks.ways import clock
from trainables.architectures import build
from trainables.data import Dataset, Split
from trainables.mixup import Targets
from trainables.recipe import Setting, Value
from trainables.step.chunk import Chunk
from trainables.step.execution import CudaGraphs, Execution, Work
from trainables.step.learner import Learner
from trainables.step.step import Step
from trainables.training import TrainingData

Line = dict[str, Any]  # JSON values
Lines = Iterator[Line]

NETWORKS: dict[str, dict[str, Value]] = {
    "conv3": {},
    "gap5": {"pool_stride": 2},
    "gap6": {},
    "resnet18": {},
}
DRY: dict[str, dict[str, Value]] = {"gap6": {"width": 0.1}, "resnet18": {"width": 0.1}}
BATCH, EPOCH, FOREVER = 128, 50_000, 10**6
CLASSES = tuple("abcdefghij")


class Unrecorded:
    """Run a training in the order of a captured one, but without graphs, for the dry run."""

    captures, chunk = True, 8

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """``work`` itself."""
        return work


@dataclass(frozen=True)
class Bench:
    """The device and the data of the parts.

    Attributes:
        device: the GPU; the CPU in a dry run.
        source: a folder with CIFAR-10 and MNIST, or ``embedded``; None for random images.
        execution: the same for all trainings, so that a graph outlives its last use.
        dry: whether everything has its smallest size.
    """

    device: torch.device
    source: str | None
    execution: Execution
    dry: bool

    @classmethod
    def of(cls, source: str | None, dry: bool) -> "Bench":
        """A bench on this machine's GPU, or a dry one."""
        device = torch.device("cpu" if dry else "cuda:0")
        return cls(device, source, Unrecorded() if dry else CudaGraphs(device), dry)

    def pick(self, full: Any, dry: Any) -> Any:
        """``dry`` in a dry run, else ``full``."""
        return dry if self.dry else full

    def parameters(self, name: str) -> dict[str, Value]:
        """The parameters of an architecture in the benchmark."""
        return NETWORKS[name] | (DRY.get(name, {}) if self.dry else {})

    def setting(self, name: str, epochs: int = FOREVER, seed: int = 0, **values: Value) -> Setting:
        """The setting to train: AdamW at a constant rate, changed by ``values``."""
        own = {"schedule": "constant", "batch_size": self.pick(BATCH, 4), **self.parameters(name)}
        return Setting.of(name, {**own, **values}, epochs, seed)

    def dataset(self, name: str, images: int, validated: int = 100) -> Dataset:
        """Data for an architecture, with the given numbers of training and validation images."""
        if self.source is not None:
            whole = case_of(name, self.source, self.device).dataset
        else:
            whole = random_images(40 if name in COMPOSITE else 32, self.pick(EPOCH, 256))
        return whole.limited(min(images, len(whole.train)), min(validated, len(whole.val)))

    def data(self, name: str, images: int, validated: int = 100) -> TrainingData:
        """The same data on the device."""
        data = TrainingData.of(self.dataset(name, images, validated), self.device)
        return replace(data, execution=self.execution)

    def network(self, name: str, **values: Any) -> nn.Module:
        """A newly initialised network on the device."""
        size = 40 if name in COMPOSITE else 32
        values = {**self.parameters(name), **values}
        model = build(name, image_shape=(size, size, 3), classes=10, **values)
        return model.to(self.device)

    def graphed(self, work: Callable[[], Any]) -> Work:
        """``work``, captured."""

        def done() -> None:
            work()

        return self.execution.repeatable(done, [])

    def microseconds(self, work: Callable[[], Any], seconds: float = 0.5) -> float:
        """Mean microseconds of a call, over ``seconds``."""
        work()
        start, calls = clock(self.device), 0
        while not calls or (not self.dry and time.perf_counter() - start < seconds):
            work()
            calls += 1
            if calls % 50 == 0:
                clock(self.device)
        return float(1e6 * (clock(self.device) - start) / calls)


class StepLoop:
    """The training's step on random images, chunk after chunk.

    Args:
        bench: the device and the data.
        model: a network for images of ``channels`` channels.
        size: height and width of an image.
        channels: number of channels of the images.
        execution: replaces the bench's execution.
    """

    def __init__(
        self,
        bench: Bench,
        model: nn.Module,
        size: int = 32,
        channels: int = 3,
        execution: Execution | None = None,
    ) -> None:
        recipe, execution = bench.setting("conv3").recipe, execution or bench.execution
        self._batches: int = bench.pick(32, 4)
        batch, device = recipe.batch_size, bench.device
        self._learner = Learner(model.train(), recipe, FOREVER, self._batches, captured=True)
        self._chunk = Chunk(batch, self._batches, device, captured=True)
        self._step = Step(self._learner, 0.0, None, self._chunk, execution)
        self._bench, count = bench, batch * self._batches
        images = torch.randn(count, channels, size, size, device=device)
        self._images = images.to(memory_format=torch.channels_last)
        self._targets = Targets(torch.randint(10, (count,), device=device))

    def microseconds(self, steps: int = 1) -> float:
        """Microseconds of a step, if a call takes ``steps`` steps."""

        def chunk() -> None:
            self._learner.begin_epoch()
            self._chunk.fill(self._images, self._targets)
            for _ in range(self._batches // steps):
                self._step()

        return self._bench.microseconds(chunk) / self._batches


@lru_cache(maxsize=2)
def random_images(size: int, count: int) -> Dataset:
    """``count`` training images of random 4x4 blocks, and a fifth as many validation images."""
    draws = np.random.default_rng(0)

    def split(images: int) -> Split:
        blocks = draws.integers(0, 256, (images, size // 4, size // 4, 3), dtype=np.uint8)
        labels, digits = draws.integers(0, 10, (2, images))
        return Split(blocks.repeat(4, 1).repeat(4, 2), labels, digits if size == 40 else None)

    val, test = split(count // 5), split(10)
    return Dataset("random", CLASSES, (0.5,) * 3, (0.29,) * 3, split(count), val, test)

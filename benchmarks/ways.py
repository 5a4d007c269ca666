"""The two ways of training, in a form that can be timed in blocks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.optim import AdamW

from benchmarks import tutorial
from trainables.data import Dataset
from trainables.data.batches import images_per_epoch
from trainables.recipe import Recipe, Setting, Value
from trainables.training import Epoch, TrainingData, fit

# Batches that a worker prefetches: torch's default of ``prefetch_factor``.
_PREFETCHED = 2
_FOREVER = 10**6  # epochs


@dataclass(frozen=True)
class Case:
    """The task of both ways of training.

    Attributes:
        architecture: name of a file in ``trainables/architectures``.
        parameters: the architecture's parameters; missing ones have their defaults.
        dataset: the images.
        source: source of the images: ``embedded`` or a folder.
        recipe: AdamW at a constant rate, with batch size and augmentation.
        device: the device that the network computes on.
    """

    architecture: str
    parameters: dict[str, Value]
    dataset: Dataset
    source: str
    recipe: Recipe
    device: torch.device


class Way(Protocol):
    """A way of training; each block continues where the last one ended."""

    def rate(self, seconds: float) -> float:
        """Train for ``seconds`` or slightly longer; return images per second."""


class Convoy:
    """Convoy's own loop, timed by itself, on at most ``images`` training images an epoch."""

    def __init__(self, case: Case, images: int) -> None:
        images = min(images, len(case.dataset.train))
        self._epochs = convoy_epochs(case, images)
        self._images = images_per_epoch(images, case.recipe.batch_size)

    @classmethod
    def in_blocks(cls, case: Case, seconds: float) -> "Convoy":
        """A way whose epochs take about ``seconds`` each, but have at most all images.

        On a GPU epochs have all images: these take seconds, and a short probe would be too noisy.
        """
        if case.device.type != "cpu":
            return cls(case, len(case.dataset.train))
        batch = case.recipe.batch_size
        probe = cls(case, 4 * batch)
        probe.rate(0)
        return cls(case, batch * max(1, round(probe.rate(0) * seconds / batch)))

    def rate(self, seconds: float) -> float:
        """Train whole epochs, at least one; the time excludes validation."""
        images, spent = 0, 0.0
        while not images or spent < seconds:
            images += self._images
            spent += self._images / next(self._epochs).metrics["images_per_second"]
        return images / spent


def convoy_epochs(case: Case, images: int) -> Iterator[Epoch]:
    """Convoy's epochs over ``images`` training images, with a single validation image."""
    setting = Setting(case.architecture, case.parameters, case.recipe, _FOREVER, seed=0)
    return fit(setting, TrainingData.of(case.dataset.limited(images, 1), case.device))


class Tutorial:
    """The tutorial's loop, with ``workers`` loading processes, or none."""

    def __init__(self, case: Case, workers: int) -> None:
        recipe, dataset = case.recipe, case.dataset
        transform = tutorial.transform_of(
            dataset, flip=recipe.flip, crop_padding=recipe.crop_padding
        )
        images = tutorial.images_of(dataset, dataset.train, case.source, transform)
        model = tutorial.network(case.architecture, dataset, case.parameters).to(case.device)
        optimizer = AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self._device, self._ready = case.device, workers * _PREFETCHED
        self._steps = tutorial.train(
            model, tutorial.endless(images, recipe.batch_size, workers), optimizer, case.device
        )

    def rate(self, seconds: float) -> float:
        """Train whole steps, at least one; batches that were ready before are not counted."""
        for _ in range(self._ready):
            next(self._steps)
        start, images = clock(self._device), 0
        while not images or time.perf_counter() - start < seconds:
            images += next(self._steps)[0]
        return images / (clock(self._device) - start)

    def close(self) -> None:
        """End the workers."""
        self._steps.close()


def clock(device: torch.device) -> float:
    """The time in seconds, read after ``device`` has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


@contextmanager
def ways(case: Case, workers: tuple[int, ...], seconds: float) -> Iterator[dict[str, Way]]:
    """Convoy and the tutorial with each number of ``workers``, ready to be timed, by name."""
    tutorials = {f"tutorial_{count}": Tutorial(case, count) for count in workers}
    try:
        yield {"convoy": Convoy.in_blocks(case, seconds), **tutorials}
    finally:
        for way in tutorials.values():
            way.close()

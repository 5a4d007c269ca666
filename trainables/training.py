"""The training loop: ``for epoch in fit(setting, data): ...``."""

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainables import architectures, class_balance, evaluation, scores
from trainables.attended_region import attended_region
from trainables.best_epoch import ACCURACY, figure_of, improves
from trainables.boundary.errors import UsageError
from trainables.data.augmentation import Augmentation
from trainables.data.batches import DeviceSplit, Normaliser, images_per_epoch, steps_per_epoch
from trainables.data.dataset import Dataset
from trainables.data.region_swap import Region
from trainables.device import dtype_name, dtype_of, evaluation_dtype
from trainables.evaluation import metrics_of
from trainables.first_training import FirstTraining, first_epochs, plain
from trainables.initial_weights import initialise
from trainables.just_train_twice import weights_by_errors
from trainables.metrics import Metric
from trainables.mixup import mix
from trainables.recipe import ATTENDED, Recipe, Setting
from trainables.seeding import derive, generator
from trainables.snapshot import snapshot
from trainables.step.chunk import Chunk
from trainables.step.device_clock import DeviceClock
from trainables.step.execution import Execution, execution_on
from trainables.step.learner import Learner
from trainables.step.step import Step
from trainables.step.validation import Validation

METRICS = (
    Metric("train_loss", "cross-entropy over the epoch's batches, as they were augmented, in nats"),
    Metric("train_accuracy", "accuracy over the epoch's batches, as they were augmented"),
    Metric(
        "train_accuracy_clean",
        "with MixUp: accuracy on as many unmixed training images as there are validation images",
    ),
    *evaluation.METRICS,
    *scores.declared(),
    Metric("attended_row", "first row of the patch of ``region_swap: attended``, in pixels"),
    Metric("attended_column", "first column of that patch, in pixels"),
    Metric("lr", "learning rate at the start of the epoch"),
    Metric("images_per_second", "training images per second, without validation"),
    Metric("epoch_seconds", "seconds of training and validation"),
)


class NonFiniteLossError(ArithmeticError):
    """The loss became infinite or not a number."""


@dataclass(frozen=True)
class TrainingData:
    """A data set ready to be trained on, shared by all trials of a process.

    Attributes:
        dataset: the set, limited as the search asks.
        train: its training split on the device.
        val: its validation split on the device.
        normalise: turns its pixels into the network's input.
        validation_dtype: number format of the validation of a training that begins.
        execution: how the training's work reaches the device.
        metric: the metric that decides which epoch of a training is the best.
    """

    dataset: Dataset
    device: torch.device
    train: DeviceSplit
    val: DeviceSplit
    normalise: Normaliser
    validation_dtype: torch.dtype
    execution: Execution
    metric: str = ACCURACY

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        device: torch.device,
        validation_dtype: torch.dtype | None = None,
        metric: str = ACCURACY,
    ) -> "TrainingData":
        """``dataset`` on ``device``; validated in ``evaluation_dtype`` unless asked otherwise."""
        train, val = (DeviceSplit.of(split, device) for split in (dataset.train, dataset.val))
        normalise, dtype = Normaliser(dataset, device), validation_dtype or evaluation_dtype(device)
        return cls(dataset, device, train, val, normalise, dtype, execution_on(device), metric)


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: 1 for the first.
        metrics: the figures of ``METRICS`` by name; losses in nats, accuracies in [0, 1].
        state: everything from which the training resumes, and the weights of the best epoch so
            far; on a CPU valid until the next epoch begins.
    """

    number: int
    metrics: dict[str, float]
    state: dict[str, Any]


def fit(
    setting: Setting, data: TrainingData, state: dict[str, Any] | None = None
) -> Iterator[Epoch]:
    """Train, yielding after every epoch.

    Args:
        setting: the network, its training, and the number of epochs.
        data: the images and labels to train on.
        state: an earlier epoch's state, after which the training resumes. On a CPU the weights
            are the same, bit for bit, as if it had never stopped.

    Raises:
        NonFiniteLossError: an epoch's loss, in training or validation, is infinite or not a number.
        UsageError: the setting does not fit the images, or the state does not fit the setting.
    """
    return (epoch for epoch in steps(setting, data, state) if epoch is not None)


def steps(
    setting: Setting, data: TrainingData, state: dict[str, Any] | None = None
) -> Iterator[Epoch | None]:
    """Train as ``fit`` does, yielding None between steps too.

    So the caller can end the training, or continue another: on a CPU after every step, with
    captured steps after a chunk of them. With captured steps an epoch may be yielded while the
    next one is already trained, as nothing waits for its figures.
    """
    trainer = _Trainer(setting, data)
    if state is not None:
        trainer.restore(state)
    yield from trainer.run()


def network(setting: Setting, dataset: Dataset) -> nn.Module:
    """A freshly initialised network for ``dataset``; draws from torch's global generator."""
    return architectures.build(
        setting.architecture,
        image_shape=dataset.image_shape,
        classes=len(dataset.classes),
        **setting.parameters,
    )


def check_fits(setting: Setting, dataset: Dataset) -> None:
    """Raise UsageError unless ``setting``'s network can be built for ``dataset``; builds none."""
    with torch.device("meta"):
        network(setting, dataset)


# The random streams of a pass over the images, on their device but for MixUp's shares.
_Streams = tuple[torch.Generator, torch.Generator, np.random.Generator]


def _streams(device: torch.device, seed: int, *place: int | str) -> _Streams:
    """The streams of augmentation, AutoAugment and MixUp in the pass that ``place`` names."""
    return (
        generator(device, seed, *place, "augmentation"),
        generator(device, seed, *place, "auto-augment"),
        np.random.default_rng(derive(seed, *place, "mixup")),
    )


class _Passes:
    """Passes of a learner over the training images.

    Args:
        setting: the network and its training.
        data: the images and labels.
        recipe: the recipe of these passes.
        stream: names the random stream of the initial weights.
        epochs: the number of epochs that the schedule covers.
    """

    def __init__(
        self, setting: Setting, data: TrainingData, recipe: Recipe, stream: str, epochs: int
    ) -> None:
        self._data, self._recipe, self._seed = data, recipe, setting.seed
        execution, images = data.execution, len(data.train)
        self._size = min(recipe.batch_size, images)
        steps = steps_per_epoch(images, recipe.batch_size)
        self._batches = min(steps, max(1, execution.chunk // self._size))
        torch.manual_seed(derive(setting.seed, stream))
        model = network(setting, data.dataset)
        if recipe.init != "none":
            initialise(model, Path(recipe.init), setting.architecture)
        model = model.to(data.device)
        self.learner = Learner(model, recipe, epochs, steps, execution.captures)
        self._chunk = Chunk(self._size, self._batches, data.device, execution.captures)
        labels, classes = data.train.labels, len(data.dataset.classes)
        balanced = recipe.class_weights == "balanced"
        weights = class_balance.class_weights(labels, classes) if balanced else None
        smoothing = recipe.label_smoothing
        self._step = Step(self.learner, smoothing, weights, self._chunk, execution)
        balanced = recipe.sampling == "balanced"
        self._draws = class_balance.draws(labels, classes) if balanced else None

    @property
    def sums(self) -> Tensor:
        """Sums of objective, cross-entropy and hits over the last pass's images, (3,)."""
        return self._step.sums

    def run(self, place: tuple[int | str, ...], first: FirstTraining) -> Iterator[None]:
        """Train on every image once, pausing after each chunk.

        Args:
            place: names the pass's random streams.
            first: the results of the first training; balanced sampling multiplies its weights.
        """
        weights = first.weights
        if self._draws is not None:
            weights = self._draws if weights is None else self._draws * weights
        data, seed, size = self._data, self._seed, self._recipe.batch_size
        torch.manual_seed(derive(seed, *place, "dropout"))
        streams = _streams(data.device, seed, *place)
        order = generator(data.device, seed, *place, "order")
        self.sums.zero_()
        self.learner.begin_epoch()
        self.learner.model.train()
        for images in data.train.shuffled(size, order, weights, self._batches):
            self._prepare(images, streams, first.region)
            for _ in range(len(images) // self._size):
                self._step()
            yield

    def _prepare(self, images: DeviceSplit, streams: _Streams, region: Region | None) -> None:
        """Augment a chunk."""
        recipe, (draws, choices, shares) = self._recipe, streams
        augment = Augmentation(recipe, region)
        pixels = augment.pixels(images.images, draws, choices)
        inputs = augment.values(self._data.normalise(pixels), draws)
        self._chunk.fill(*mix(inputs, images.labels, recipe.mixup, self._size, shares, draws))


@dataclass
class _Ended:
    """An epoch whose figures may still be on their way to the host."""

    number: int
    rate: float
    clock: DeviceClock
    train: Tensor
    val: Tensor
    clean: Tensor | None
    state: dict[str, Any]


class _Trainer:
    """A training between two epochs."""

    def __init__(self, setting: Setting, data: TrainingData) -> None:
        self._setting, self._data = setting, data
        self._images = images_per_epoch(len(data.train), setting.recipe.batch_size)
        self._passes = _Passes(setting, data, setting.recipe, "initialisation", setting.epochs)
        self._validate_in(data.validation_dtype)
        self._first: FirstTraining | None = None
        self._epoch = 0
        self._best: dict[str, Any] = {"epoch": 0, figure_of(data.metric): -1.0, "model": {}}

    def _validate_in(self, dtype: torch.dtype) -> None:
        data, self._validation_dtype = self._data, dtype
        clean, model = data.train.evenly(len(data.val)), self._passes.learner.model
        self._validate, self._validate_clean = (
            Validation(model, split, data.normalise, dtype, data.execution, metric)
            for split, metric in ((data.val, data.metric), (clean, ACCURACY))
        )

    def run(self) -> Iterator[Epoch | None]:
        """Train, yielding None between steps, and every epoch once its figures are on the host."""
        ended: _Ended | None = None
        while self._epoch < self._setting.epochs:
            clock = DeviceClock(self._data.device)
            clock.mark()
            first = self._first
            if first is None:
                first = self._first = yield from self._train_first()
            clock.mark()
            rate = self._passes.learner.rate
            for _ in self._passes.run((self._epoch,), first):
                yield None
                if ended is not None and ended.clock.passed:
                    yield self._epoch_of(ended)
                    ended = None
            clock.mark()
            if ended is not None:
                yield self._epoch_of(ended)
            ended = self._end(rate, clock, first)
            if not self._data.execution.captures:
                yield self._epoch_of(ended)
                ended = None
        if ended is not None:
            yield self._epoch_of(ended)

    def _end(self, rate: float, clock: DeviceClock, first: FirstTraining) -> _Ended:
        """End an epoch, without waiting for the device."""
        val = self._validate()
        clean = self._validate_clean() if self._setting.recipe.mixup else None
        train = self._passes.sums.to("cpu", non_blocking=True, copy=True)
        self._epoch += 1
        state = {"epoch": self._epoch, **self._passes.learner.state(), **vars(first)}
        state["validation_dtype"] = dtype_name(self._validation_dtype)
        if self._data.execution.captures:
            state = snapshot(state)
        clock.mark()
        return _Ended(self._epoch, rate, clock, train, val, clean, state)

    def _epoch_of(self, ended: _Ended) -> Epoch:
        """The epoch, once its figures are on the host."""
        ended.clock.wait()
        objective, loss, right = ended.train.tolist()
        _check_finite(objective, "training", ended.number)
        train = {"train_loss": loss / self._images, "train_accuracy": right / self._images}
        val = metrics_of(ended.val, self._data.metric)
        _check_finite(val["val_loss"], "validation", ended.number)
        if ended.clean is not None:
            train["train_accuracy_clean"] = metrics_of(ended.clean)["val_accuracy"]
        if improves(val, self._best, self._data.metric):
            model = ended.state["model"]
            model = model if self._data.execution.captures else snapshot(model)
            self._best = {"epoch": ended.number, "model": model, **val}
        if ended.state["region"] is not None:
            train |= zip(("attended_row", "attended_column"), ended.state["region"], strict=True)
        metrics = {
            **train,
            **val,
            "lr": ended.rate,
            "images_per_second": self._images / ended.clock.seconds(1, 2),
            "epoch_seconds": ended.clock.seconds(0, 3),
        }
        return Epoch(ended.number, metrics, {**ended.state, "best": self._best})

    def restore(self, state: dict[str, Any]) -> None:
        """Resume after the epoch of ``state``.

        Raises:
            UsageError: it belongs to another training.
        """
        try:
            self._epoch, weights = state["epoch"], state["weights"]
            weights = None if weights is None else weights.to(self._data.device)
            self._first = FirstTraining(weights, state.get("region"))
            self._passes.learner.restore(state)
            # So that all its epochs compare; earlier versions validated in float32 alone.
            self._validate_in(dtype_of(state.get("validation_dtype", "float32")))
            self._best = state["best"]
        except Exception as error:  # torch raises many kinds for what does not fit
            raise UsageError(
                f"the state to resume from is of another training ({type(error).__name__}: {error})"
            ) from error

    def _train_first(self) -> Generator[None, None, FirstTraining]:
        """Run the first training, if the recipe asks for one, and return its results."""
        setting, data = self._setting, self._data
        recipe, epochs = setting.recipe, first_epochs(setting.recipe, setting.epochs)
        if not epochs:
            return FirstTraining()
        first = _Passes(setting, data, plain(recipe), "first training", epochs)
        for epoch in range(epochs):
            yield from first.run(("first training", epoch), FirstTraining())
            _check_finite(float(first.sums[0]), "training", 1)
        model, normalise = first.learner.model, data.normalise
        weights = region = None
        if recipe.reweighting == "jtt":
            weights = weights_by_errors(model, data.train, normalise, recipe.jtt_weight)
        if recipe.region_swap == ATTENDED:
            splits, dtype = (data.train, data.val), data.validation_dtype
            draws = generator(torch.device("cpu"), setting.seed, "attended region")
            region = attended_region(model, splits, normalise, dtype, recipe.swap_size, draws)
        return FirstTraining(weights, region)


def _check_finite(loss: float, kind: str, epoch: int) -> None:
    if not math.isfinite(loss):
        raise NonFiniteLossError(
            f"the {kind} loss became {loss} in epoch {epoch}; a smaller learning rate usually helps"
        )

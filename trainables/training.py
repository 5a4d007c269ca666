"""The training loop: ``for epoch in fit(setting, data): ...``."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainables import architectures, evaluation
from trainables.best_epoch import improves
from trainables.boundary.errors import UsageError
from trainables.data.augmentation import Augmentation
from trainables.data.batches import DeviceSplit, Normaliser, images_per_epoch, steps_per_epoch
from trainables.data.dataset import Dataset
from trainables.device import dtype_name, dtype_of, evaluation_dtype, training_dtype
from trainables.evaluation import evaluate
from trainables.just_train_twice import first_epochs, plain, weights_by_errors
from trainables.metrics import Metric
from trainables.mixup import mix
from trainables.optimization import optimizer_of, schedule_of
from trainables.recipe import Recipe, Setting
from trainables.seeding import derive, generator
from trainables.snapshot import snapshot

METRICS = (
    Metric("train_loss", "cross-entropy over the epoch's batches, as they were augmented, in nats"),
    Metric("train_accuracy", "over the epoch's batches, as they were augmented"),
    Metric("train_accuracy_clean", "with MixUp: on as many unmixed images as validate"),
    *evaluation.METRICS,
    Metric("lr", "the learning rate as the epoch began"),
    Metric("images_per_second", "how many were trained on, validation left out"),
    Metric("epoch_seconds", "of training and validation"),
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
        normalise: from its pixels to the network's input.
        validation_dtype: number format of the validation of a training that begins.
    """

    dataset: Dataset
    device: torch.device
    train: DeviceSplit
    val: DeviceSplit
    normalise: Normaliser
    validation_dtype: torch.dtype

    @classmethod
    def of(
        cls, dataset: Dataset, device: torch.device, validation_dtype: torch.dtype | None = None
    ) -> "TrainingData":
        """``dataset`` on ``device``; validated in ``evaluation_dtype`` unless asked otherwise."""
        train, val = (DeviceSplit.of(split, device) for split in (dataset.train, dataset.val))
        validation_dtype = validation_dtype or evaluation_dtype(device)
        return cls(dataset, device, train, val, Normaliser(dataset, device), validation_dtype)


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: 1 for the first.
        metrics: the figures of ``METRICS`` by name; losses in nats, accuracies in [0, 1].
        state: everything from which the training goes on, and the weights of the best epoch so
            far; valid until the next epoch begins.
    """

    number: int
    metrics: dict[str, float]
    state: dict[str, Any]


def fit(
    setting: Setting, data: TrainingData, state: dict[str, Any] | None = None
) -> Iterator[Epoch]:
    """Train, yielding after every epoch.

    Args:
        setting: what to train, how, and for how many epochs.
        data: what to train on.
        state: an earlier epoch's state; the training goes on after it, on the CPU to the same
            weights, bit for bit, as if it had never stopped.

    Raises:
        NonFiniteLossError: an epoch's loss, in training or validation, is infinite or not a number.
        UsageError: the setting does not fit the images, or the state the setting.
    """
    return (epoch for epoch in steps(setting, data, state) if epoch is not None)


def steps(
    setting: Setting, data: TrainingData, state: dict[str, Any] | None = None
) -> Iterator[Epoch | None]:
    """Train as ``fit`` does, yielding None after every step too.

    So whoever drives the training can end it, or turn to another, between two steps.
    """
    trainer = _Trainer(setting, data)
    if state is not None:
        trainer.restore(state)
    while trainer.epoch < setting.epochs:
        yield from trainer.run_epoch()


def network(setting: Setting, dataset: Dataset) -> nn.Module:
    """A freshly initialised network for ``dataset``; draws from torch's global generator."""
    return architectures.builder(setting.architecture)(
        image_size=dataset.image_size, classes=len(dataset.classes), **setting.parameters
    )


def check_fits(setting: Setting, dataset: Dataset) -> None:
    """Raise UsageError unless ``setting``'s network can be built for ``dataset``; builds none."""
    with torch.device("meta"):
        network(setting, dataset)


@dataclass(frozen=True)
class _Learner:
    """A network with what changes its weights."""

    model: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler

    @classmethod
    def fresh(cls, setting: Setting, data: TrainingData, stream: str, epochs: int) -> "_Learner":
        """Newly initialised from the setting's ``stream``, to be trained for ``epochs``."""
        torch.manual_seed(derive(setting.seed, stream))
        model = network(setting, data.dataset).to(data.device)
        model = model.to(memory_format=torch.channels_last)
        optimizer = optimizer_of(setting.recipe, model)
        steps = steps_per_epoch(len(data.train), setting.recipe.batch_size)
        return cls(model, optimizer, schedule_of(setting.recipe, optimizer, epochs, steps))

    def update(self, objective: Tensor, clip_norm: float) -> None:
        """One step against the gradient of ``objective``, clipped unless ``clip_norm`` is 0."""
        self.optimizer.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        if clip_norm:
            clip_grad_norm_(self.model.parameters(), clip_norm)
        self.optimizer.step()
        self.schedule.step()

    def state(self) -> dict[str, Any]:
        return {name: getattr(self, name).state_dict() for name in self.__dataclass_fields__}

    def restore(self, state: dict[str, Any]) -> None:
        for name in self.__dataclass_fields__:
            getattr(self, name).load_state_dict(state[name])


# The random streams of a pass over the images: of what happens to them, on their device; of
# AutoAugment, on the CPU; of MixUp's shares.
_Streams = tuple[torch.Generator, torch.Generator, np.random.Generator]


def _streams(device: torch.device, seed: int, *place: int | str) -> _Streams:
    """Those of the pass that ``place`` names."""
    return (
        generator(device, seed, *place, "augmentation"),
        generator(torch.device("cpu"), seed, *place, "auto-augment"),
        np.random.default_rng(derive(seed, *place, "mixup")),
    )


# A pass over the images: pauses after every step, and ends in its figures.
_Pass = Generator[None, None, dict[str, float]]


class _Trainer:
    """A training between two epochs."""

    def __init__(self, setting: Setting, data: TrainingData) -> None:
        self._setting, self._data = setting, data
        self._images = images_per_epoch(len(data.train), setting.recipe.batch_size)
        self._in_bfloat16 = training_dtype(data.device) == torch.bfloat16
        self._learner = _Learner.fresh(setting, data, "initialisation", setting.epochs)
        self._validation_dtype = data.validation_dtype
        self._weights: Tensor | None = None
        self.epoch = 0
        self._best: dict[str, Any] = {"epoch": 0, "val_accuracy": -1.0, "model": {}}

    def run_epoch(self) -> Iterator[Epoch | None]:
        """Train an epoch: None after every step, then the epoch."""
        recipe, begun = self._setting.recipe, time.perf_counter()
        if recipe.reweighting == "jtt" and self._weights is None:
            self._weights = yield from self._train_first()
        start = time.perf_counter()
        lr = self._learner.optimizer.param_groups[0]["lr"]
        train = yield from self._train(self._learner, recipe, (self.epoch,), self._weights)
        seconds = time.perf_counter() - start
        val = self._evaluate(self._data.val)
        self._check_finite(val["val_loss"], "validation")
        if recipe.mixup:
            clean = self._evaluate(self._data.train.evenly(len(self._data.val)))
            train["train_accuracy_clean"] = clean["val_accuracy"]
        self.epoch += 1
        self._keep_best(val)
        metrics = {
            **train,
            **val,
            "lr": lr,
            "images_per_second": self._images / seconds,
            "epoch_seconds": time.perf_counter() - begun,
        }
        yield Epoch(self.epoch, metrics, self.state())

    def state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            **self._learner.state(),
            "weights": self._weights,
            "validation_dtype": dtype_name(self._validation_dtype),
            "best": self._best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        try:
            self.epoch, self._weights = state["epoch"], state["weights"]
            self._learner.restore(state)
            # So that all its epochs compare; earlier versions validated in float32 alone.
            self._validation_dtype = dtype_of(state.get("validation_dtype", "float32"))
            self._best = state["best"]
        except Exception as error:  # torch raises many kinds for what does not fit
            raise UsageError(
                f"the state to go on from is not of this training ({type(error).__name__}: {error})"
            ) from error

    def _keep_best(self, val: dict[str, float]) -> None:
        if improves(val, self._best):
            model = snapshot(self._learner.model.state_dict())
            self._best = {"epoch": self.epoch, "model": model, **val}

    def _train_first(self) -> Generator[None, None, Tensor]:
        """The first of JTT's two trainings; how often the second draws each image."""
        setting, data = self._setting, self._data
        epochs = first_epochs(setting.recipe, setting.epochs)
        learner = _Learner.fresh(setting, data, "first training", epochs)
        for epoch in range(epochs):
            place = ("first training", epoch)
            yield from self._train(learner, plain(setting.recipe), place, None)
        weight = setting.recipe.jtt_weight
        return weights_by_errors(learner.model, data.train, data.normalise, weight)

    def _evaluate(self, split: DeviceSplit) -> dict[str, float]:
        model, normalise = self._learner.model, self._data.normalise
        return evaluate(model, split, normalise, self._validation_dtype).metrics()

    def _train(
        self,
        learner: _Learner,
        recipe: Recipe,
        place: tuple[int | str, ...],
        weights: Tensor | None,
    ) -> _Pass:
        """One pass over the training images; the sums stay on the device until its end.

        Args:
            learner: what is trained.
            recipe: how.
            place: names the pass's random streams.
            weights: how often each image is drawn, or None for once each.
        """
        device, seed = self._data.device, self._setting.seed
        torch.manual_seed(derive(seed, *place, "dropout"))
        streams = _streams(device, seed, *place)
        order = generator(device, seed, *place, "order")
        sums = torch.zeros(3, device=device)
        learner.model.train()
        for batch in self._data.train.shuffled(recipe.batch_size, order, weights):
            sums += self._step(learner, recipe, batch, streams)
            yield
        objective, loss, right = sums.tolist()
        self._check_finite(objective, "training")
        return {"train_loss": loss / self._images, "train_accuracy": right / self._images}

    def _check_finite(self, loss: float, kind: str) -> None:
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"the {kind} loss became {loss} in epoch {self.epoch + 1}; "
                "a smaller learning rate usually helps"
            )

    def _step(
        self, learner: _Learner, recipe: Recipe, batch: DeviceSplit, streams: _Streams
    ) -> Tensor:
        """One update; the sums of objective, cross-entropy and hits over the batch, (3,)."""
        augment, (draws, choices, shares) = Augmentation(recipe), streams
        pixels = augment.pixels(batch.images, draws, choices)
        inputs = augment.values(self._data.normalise(pixels), draws)
        inputs, targets = mix(inputs, batch.labels, recipe.mixup, shares, draws)
        with torch.autocast(self._data.device.type, torch.bfloat16, enabled=self._in_bfloat16):
            logits = learner.model(inputs)
        logits = logits.float()
        objective = targets.cross_entropy(logits, recipe.label_smoothing)
        learner.update(objective, recipe.clip_norm)
        with torch.no_grad():
            unsmoothed = targets.cross_entropy(logits) if recipe.label_smoothing else objective
            losses = len(logits) * torch.stack([objective.detach(), unsmoothed.detach()])
            return torch.cat([losses, targets.hits(logits)[None]])

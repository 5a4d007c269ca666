"""The training loop: ``for epoch in fit(setting, data): ...``."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables import architectures
from trainables.data.augmentation import Augmentation
from trainables.data.batches import (
    Batch,
    DeviceSplit,
    Normaliser,
    images_per_epoch,
    steps_per_epoch,
)
from trainables.data.dataset import Dataset
from trainables.device import training_dtype
from trainables.evaluation import evaluate
from trainables.optimization import optimizer_of, schedule_of
from trainables.recipe import Setting
from trainables.seeding import derive, generator


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
    """

    dataset: Dataset
    device: torch.device
    train: DeviceSplit
    val: DeviceSplit
    normalise: Normaliser

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> "TrainingData":
        """``dataset`` on ``device``."""
        train, val = (DeviceSplit.of(split, device) for split in (dataset.train, dataset.val))
        return cls(dataset, device, train, val, Normaliser(dataset, device))


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: 1 for the first.
        metrics: the figures that are recorded, by name; losses in nats, accuracies in [0, 1].
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
        trainables.errors.UsageError: the setting does not fit the images.
    """
    trainer = _Trainer(setting, data)
    if state is not None:
        trainer.restore(state)
    while trainer.epoch < setting.epochs:
        yield trainer.run_epoch()


def network(setting: Setting, dataset: Dataset) -> nn.Module:
    """A freshly initialised network for ``dataset``; draws from torch's global generator."""
    return architectures.builder(setting.architecture)(
        image_size=dataset.image_size, classes=len(dataset.classes), **setting.parameters
    )


class _Trainer:
    """A training between two epochs."""

    def __init__(self, setting: Setting, data: TrainingData) -> None:
        recipe = setting.recipe
        torch.manual_seed(derive(setting.seed, "initialisation"))
        model = network(setting, data.dataset).to(data.device)
        self.model = model.to(memory_format=torch.channels_last)
        self._setting, self._data = setting, data
        self._optimizer = optimizer_of(recipe, self.model)
        steps = steps_per_epoch(len(data.train), recipe.batch_size)
        self._images = images_per_epoch(len(data.train), recipe.batch_size)
        self._schedule = schedule_of(recipe, self._optimizer, steps * setting.epochs)
        self._augment = Augmentation(recipe.flip, recipe.crop_padding, recipe.noise, recipe.erasing)
        self._dtype = training_dtype(data.device)
        self.epoch = 0
        self._best: dict[str, Any] = {"epoch": 0, "val_accuracy": -1.0, "model": {}}

    def run_epoch(self) -> Epoch:
        start = time.perf_counter()
        lr = self._optimizer.param_groups[0]["lr"]
        train = self._train()
        seconds = time.perf_counter() - start
        val = evaluate(self.model, self._data.val, self._data.normalise).metrics()
        self._check_finite(val["val_loss"], "validation")
        self.epoch += 1
        if val["val_accuracy"] > self._best["val_accuracy"]:
            model = {name: value.clone() for name, value in self.model.state_dict().items()}
            self._best = {"epoch": self.epoch, "model": model, **val}
        metrics = {
            **train,
            **val,
            "lr": lr,
            "images_per_second": self._images / seconds,
            "epoch_seconds": time.perf_counter() - start,
        }
        return Epoch(self.epoch, metrics, self.state())

    def state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "best": self._best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._best = state["best"]

    def _train(self) -> dict[str, float]:
        """One pass over the training images; the sums stay on the device until its end."""
        device, place = self._data.device, (self._setting.seed, self.epoch)
        torch.manual_seed(derive(*place, "dropout"))
        draws = generator(device, *place, "augmentation")
        order = generator(device, *place, "order")
        sums = torch.zeros(3, device=device)
        self.model.train()
        for batch in self._data.train.shuffled(self._setting.recipe.batch_size, order):
            sums += self._step(batch, draws)
        objective, loss, right = sums.tolist()
        self._check_finite(objective, "training")
        return {"train_loss": loss / self._images, "train_accuracy": right / self._images}

    def _check_finite(self, loss: float, kind: str) -> None:
        if not math.isfinite(loss):
            raise NonFiniteLossError(
                f"the {kind} loss became {loss} in epoch {self.epoch + 1}; "
                "a smaller learning rate usually helps"
            )

    def _step(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """One update; the sums of objective, cross-entropy and hits over the batch, (3,)."""
        pixels = self._augment.pixels(batch.images, draws)
        inputs = self._augment.values(self._data.normalise(pixels), draws)
        with self._autocast():
            logits = self.model(inputs)
        logits = logits.float()
        smoothing = self._setting.recipe.label_smoothing
        objective = F.cross_entropy(logits, batch.labels, label_smoothing=smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        objective.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        with torch.no_grad():
            loss = (
                F.cross_entropy(logits, batch.labels, reduction="sum")
                if smoothing
                else (objective * len(logits))
            )
            right = (logits.argmax(dim=1) == batch.labels).sum()
            return torch.stack([objective.detach() * len(logits), loss.detach(), right])

    def _autocast(self) -> AbstractContextManager[None]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._data.device.type, self._dtype)

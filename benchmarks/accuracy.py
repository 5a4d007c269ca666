"""Does Convoy's faster training cost accuracy? Train conv3 in both ways, seed by seed."""

import statistics
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

from benchmarks import tutorial
from benchmarks.ways import Case
from trainables.recipe import Setting
from trainables.seeding import derive
from trainables.training import TrainingData, fit

BATCH_SIZE = 64


@dataclass(frozen=True)
class AccuracyComparison:
    """Validation accuracies after the last epoch, one for each seed, in [0, 1].

    Attributes:
        epochs: epochs of each training.
        images: number of training images.
        validation: number of validation images.
        convoy: accuracies by Convoy.
        tutorial: accuracies by the tutorial, from the same initial weights.
    """

    epochs: int
    images: int
    validation: int
    convoy: list[float]
    tutorial: list[float]

    @property
    def difference(self) -> float:
        """Mean of Convoy's accuracy minus the tutorial's."""
        return statistics.mean(self.convoy) - statistics.mean(self.tutorial)

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the difference, by Student's t over the seeds."""
        from scipy.stats import ttest_rel

        low, high = ttest_rel(self.convoy, self.tutorial).confidence_interval(0.95)
        return float(low), float(high)

    def as_dict(self) -> dict[str, Any]:
        """The comparison and its statistics, as JSON values."""
        return {**asdict(self), "difference": self.difference, "interval": self.interval}

    def described(self) -> str:
        """The printed form of the comparison, in percent."""
        low, high = self.interval
        means = [
            f"{name:10}{100 * statistics.mean(each):6.2f}% "
            f"(standard deviation {100 * statistics.stdev(each):.2f})"
            for name, each in (("Convoy", self.convoy), ("tutorial", self.tutorial))
        ]
        return "\n".join(
            [
                f"conv3, {self.epochs} epochs of {self.images:,} images, {len(self.convoy)} seeds; "
                f"accuracy on {self.validation:,} validation images in float32",
                *means,
                f"difference {100 * self.difference:+.2f} points "
                f"(95% interval {100 * low:+.2f} to {100 * high:+.2f})",
            ]
        )


def compare(case: Case, epochs: int, images: int, seeds: int) -> AccuracyComparison:
    """Train ``case`` in both ways, in turn, with a cosine schedule, from the same weights."""
    recipe = replace(case.recipe, schedule="cosine", batch_size=BATCH_SIZE)
    images = min(images, len(case.dataset.train))
    case = replace(case, recipe=recipe, dataset=case.dataset.limited(images))
    pairs = []
    for seed in range(seeds):
        setting = Setting(case.architecture, case.parameters, recipe, epochs, seed)
        pairs.append((_convoy(case, setting), _tutorial(case, setting)))
    convoy, tutorials = map(list, zip(*pairs, strict=True))
    return AccuracyComparison(epochs, images, len(case.dataset.val), convoy, tutorials)


def _convoy(case: Case, setting: Setting) -> float:
    *_, last = fit(setting, TrainingData.of(case.dataset, case.device, torch.float32))
    return last.metrics["val_accuracy"]


def _tutorial(case: Case, setting: Setting) -> float:
    dataset, recipe, device = case.dataset, setting.recipe, case.device
    # Initialised in the same order as Convoy's network, so that both start from the same weights.
    torch.manual_seed(derive(setting.seed, "initialisation"))
    model = tutorial.network(setting.architecture, dataset, setting.parameters).to(device)
    transform = tutorial.transform_of(dataset, flip=recipe.flip, crop_padding=recipe.crop_padding)
    images = tutorial.images_of(dataset, dataset.train, case.source, transform)
    batches = tutorial.shuffled(images, recipe.batch_size)
    optimizer = AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = CosineAnnealingLR(optimizer, T_max=setting.epochs * len(batches))
    for _ in range(setting.epochs):
        for _ in tutorial.train(model, batches, optimizer, device, schedule):
            pass
    plain = tutorial.images_of(dataset, dataset.val, case.source, tutorial.transform_of(dataset))
    return tutorial.accuracy(model, DataLoader(plain, batch_size=500), device)

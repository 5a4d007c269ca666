"""The short training before a trial's own, from which cures for shortcuts learn.

It learns what is easiest, above all a shortcut. A cure then asks which images it gets wrong
(``trainables.just_train_twice``) or where it reads a shortcut (``trainables.attended_region``). It
starts from other weights. It does not count among the epochs, so its accuracy is never taken for
the trial's. Its images are not augmented, as augmentation makes a shortcut harder to read.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from trainables.data.region_swap import Region
from trainables.recipe import ATTENDED, Recipe


@dataclass(frozen=True)
class FirstTraining:
    """The results of a first training; None for those that the recipe does not ask for.

    Attributes:
        weights: how often each training image is drawn, (N,).
        region: the place of the shortcut that the first network reads.
    """

    weights: Tensor | None = None
    region: Region | None = None


def first_epochs(recipe: Recipe, epochs: int) -> int:
    """The number of epochs of the first training before one of ``epochs``; 0 if there is none.

    It is the recipe's share of ``epochs``, the larger one if two cures give one, and at least 1.
    """
    shares = []
    if recipe.reweighting == "jtt":
        shares.append(recipe.jtt_share)
    if recipe.region_swap == ATTENDED:
        shares.append(recipe.attended_share)
    return max(1, round(max(shares) * epochs)) if shares else 0


def plain(recipe: Recipe) -> Recipe:
    """``recipe`` without augmentation, for the first training."""
    off = {name: key.off for name, key in recipe.augmentations.items()}
    return replace(recipe, **off)  # type: ignore[arg-type]

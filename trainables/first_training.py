"""The short training that precedes a trial's own where a cure for shortcuts wants to learn from it.

It learns what is easiest, a shortcut above all, and is then asked which images it gets wrong
(``trainables.just_train_twice``) or where it reads a shortcut (``trainables.attended_region``). It
starts from other weights, is not counted among the epochs, so that its accuracy is never taken for
the trial's, and sees the images as they are: augmentation makes a shortcut harder to read.
"""

from dataclasses import dataclass, replace

from torch import Tensor

from trainables.data.region_swap import Region
from trainables.recipe import ATTENDED, Recipe


@dataclass(frozen=True)
class FirstTraining:
    """What a trial learns from its first training; None where it does not ask.

    Attributes:
        weights: how often each training image is drawn, (N,).
        region: the place of the shortcut that the first network reads.
    """

    weights: Tensor | None = None
    region: Region | None = None


def first_epochs(recipe: Recipe, epochs: int) -> int:
    """How many epochs precede a training of ``epochs``; 0 if ``recipe`` asks for no first training.

    The share of ``epochs`` that the recipe gives, the larger one where two cures give theirs, and 1
    at the least.
    """
    shares = []
    if recipe.reweighting == "jtt":
        shares.append(recipe.jtt_share)
    if recipe.region_swap == ATTENDED:
        shares.append(recipe.attended_share)
    return max(1, round(max(shares) * epochs)) if shares else 0


def plain(recipe: Recipe) -> Recipe:
    """``recipe`` without augmentation, as the first training has it."""
    off = {name: key.off for name, key in recipe.augmentations.items()}
    return replace(recipe, **off)  # type: ignore[arg-type]

"""JTT: Just Train Twice (Liu et al. 2021, "Just Train Twice: Improving Group Robustness without
Training Group Information").

A first, short training learns what is easiest, a shortcut above all. The training images that it
gets wrong are mostly those whose shortcut misleads, and a second training, from scratch, draws them
more often. It assumes nothing about the shortcut's form or place, only that it is learnt first and
that the validation images, on which one chooses, do not have it.

The first training precedes the second's first epoch and is not counted among the epochs, so that
its accuracy is never taken for the trial's. It sees the images as they are: augmentation makes a
shortcut harder to read. With random flips alone, the errors of one epoch on the composite set held
17% of the images whose digit agrees with the label, without them 7%, beside 68% and 69% of the
others (gap5 at pool stride 2, one seed). The second's training loss and accuracy are over the
images as they are drawn.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate
from trainables.recipe import Recipe


def first_epochs(recipe: Recipe, epochs: int) -> int:
    """Epochs of the first training: ``jtt_share`` of ``epochs``, 1 at the least."""
    return max(1, round(recipe.jtt_share * epochs))


def plain(recipe: Recipe) -> Recipe:
    """``recipe`` without augmentation, as the first training has it."""
    off = {name: key.off for name, key in recipe.augmentations.items()}
    return replace(recipe, **off)  # type: ignore[arg-type]


def weights_by_errors(
    model: nn.Module, train: DeviceSplit, normalise: Normaliser, weight: float
) -> Tensor:
    """How often each training image is drawn, (N,): ``weight`` for those that ``model`` gets wrong.

    The images are taken as they are, without augmentation.
    """
    evaluation = evaluate(model, train, normalise)
    wrong = evaluation.predictions != evaluation.labels
    return torch.where(wrong, weight, 1.0).to(train.labels.device)

"""The least accuracy over the groups of label and shortcut (Sagawa et al. 2020, "Distributionally
Robust Neural Networks").

A group has the images of one class whose shortcut points to one class. An image whose shortcut is
not known, or points to none, is in no group.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.counts import counts
from trainables.data.dataset import NO_CLASS, Integers

MEANING = "least accuracy over the groups of label and shortcut with 20 or more validation images"
SMALLEST = 20  # images of a group that counts: of fewer, one image is more than 5 points
_DIGITS = 10  # which an image may show however few its classes are


def score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor:
    """The least accuracy."""
    assert digits is not None
    shown = max(logits.shape[1], _DIGITS)
    cells, known = labels * shown + digits.clamp(min=0), digits != NO_CLASS
    images = counts(cells, logits.shape[1] * shown, known)
    right = counts(cells, len(images), known & (logits.argmax(dim=1) == labels))
    return torch.where(images >= SMALLEST, right / images, torch.inf).min()


def images(labels: Integers, digits: Integers | None) -> float:
    """Those of the smallest group that counts.

    Raises:
        ValueError: none does.
    """
    sizes = _sizes(labels, digits)
    if not sizes.size:
        raise ValueError("no shortcut of the validation images is known, and its groups are of it")
    if sizes.max() < SMALLEST:
        raise ValueError(
            f"the largest group of label and shortcut has {sizes.max()} validation images, and "
            f"only those with {SMALLEST} count; have more validation images"
        )
    return float(sizes[sizes >= SMALLEST].min())


def _sizes(labels: Integers, digits: Integers | None) -> NDArray[np.int64]:
    """How many images each group that has any has."""
    if digits is None:
        return np.zeros(0, np.int64)
    known = digits != NO_CLASS
    groups = np.stack([labels[known], digits[known]])
    return np.unique(groups, axis=1, return_counts=True)[1]

"""The lowest accuracy over the groups of label and shortcut (Sagawa et al. 2020, "Distributionally
Robust Neural Networks").

A group has the images of one class whose shortcut points to one class. An image whose shortcut is
unknown or points to no class is in no group.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.counts import counts
from trainables.data.dataset import NO_CLASS, Integers

MEANING = "lowest accuracy over the groups of label and shortcut with 20 or more validation images"
SMALLEST = 20  # least images of a group that counts: one image is then at most 5 points
_DIGITS = 10  # kinds of digits, even if there are fewer classes


def score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor:
    """The lowest accuracy over the groups that count."""
    assert digits is not None
    shown = max(logits.shape[1], _DIGITS)
    cells, known = labels * shown + digits.clamp(min=0), digits != NO_CLASS
    images = counts(cells, logits.shape[1] * shown, known)
    right = counts(cells, len(images), known & (logits.argmax(dim=1) == labels))
    return torch.where(images >= SMALLEST, right / images, torch.inf).min()


def images(labels: Integers, digits: Integers | None) -> float:
    """The number of images of the smallest group that counts.

    Raises:
        ValueError: no group counts.
    """
    sizes = _sizes(labels, digits)
    if not sizes.size:
        raise ValueError("no shortcut of the validation images is known, but it defines the groups")
    if sizes.max() < SMALLEST:
        raise ValueError(
            f"the largest group of label and shortcut has {sizes.max()} validation images, and "
            f"only those with {SMALLEST} count; use more validation images"
        )
    return float(sizes[sizes >= SMALLEST].min())


def _sizes(labels: Integers, digits: Integers | None) -> NDArray[np.int64]:
    """The number of images of each group that has any."""
    if digits is None:
        return np.zeros(0, np.int64)
    known = digits != NO_CLASS
    groups = np.stack([labels[known], digits[known]])
    return np.unique(groups, axis=1, return_counts=True)[1]

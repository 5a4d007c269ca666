"""Count the images of each class or group."""

import numpy as np
import torch
from torch import Tensor

from trainables.data.dataset import Integers


def counts(members: Tensor, groups: int, which: Tensor | None = None) -> Tensor:
    """The number of images of each group, (groups,), float64, on the device of ``members``.

    ``torch.bincount`` would wait for the GPU to find out the number of groups.

    Args:
        members: the group of each image, (N,), from 0 on.
        groups: number of groups.
        which: (N,), whether to count each image; None counts all.
    """
    ones = torch.ones_like(members) if which is None else which.long()
    return members.new_zeros(groups).scatter_add_(0, members, ones).double()


def balanced(labels: Integers) -> float:
    """Number of images whose share has the error of a mean over equally hard classes."""
    images = np.unique(labels, return_counts=True)[1]
    return float(len(images) ** 2 / (1 / images).sum())

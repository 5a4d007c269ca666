"""How many images each class or group has."""

import numpy as np
import torch
from torch import Tensor

from trainables.data.dataset import Integers


def counts(members: Tensor, groups: int, which: Tensor | None = None) -> Tensor:
    """How many images each of so many ``groups`` has, (groups,), float64, on their device.

    ``torch.bincount`` would wait for a GPU to learn how many groups there are.

    Args:
        members: the group of each image, (N,), from 0 on.
        groups: how many there are.
        which: the images to count, (N,); all without it.
    """
    ones = torch.ones_like(members) if which is None else which.long()
    return members.new_zeros(groups).scatter_add_(0, members, ones).double()


def balanced(labels: Integers) -> float:
    """How many images a mean over classes has the binomial error of, if all are equally hard."""
    images = np.unique(labels, return_counts=True)[1]
    return float(len(images) ** 2 / (1 / images).sum())

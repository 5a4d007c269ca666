"""Give classes of unequal size equal weight, in the loss or in how often images are drawn.

Both weight a class by n / (k * n_c), as scikit-learn's ``class_weight="balanced"`` does: n is the
number of training images, k the number of classes that have images, and n_c the number of images of
the class (King and Zeng 2001, "Logistic Regression in Rare Events Data").
"""

import torch
from torch import Tensor


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """The weight of each class, (classes,), float32; 1 for a class without images.

    Args:
        labels: (N,), int64, labels of the training images.
        classes: number of classes.
    """
    counts = torch.bincount(labels, minlength=classes)
    balanced = len(labels) / (counts.count_nonzero() * counts.clamp(min=1))
    return torch.where(counts > 0, balanced, 1.0).float()


def draws(labels: Tensor, classes: int) -> Tensor:
    """Sampling weight of each image, (N,), so that every class is drawn equally often."""
    return class_weights(labels, classes)[labels]

"""Classes of unequal size, made to count alike: by the loss, or by how often they are drawn.

Both weight a class by n / (k * n_c), as scikit-learn's ``class_weight="balanced"`` does: n training
images, k classes that have any, n_c of the class (King and Zeng 2001, "Logistic Regression in Rare
Events Data").
"""

import torch
from torch import Tensor


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """The weight of each class, (classes,), float32; 1 for one without images.

    Args:
        labels: (N,), int64, of the training images.
        classes: how many there are.
    """
    counts = torch.bincount(labels, minlength=classes)
    balanced = len(labels) / (counts.count_nonzero() * counts.clamp(min=1))
    return torch.where(counts > 0, balanced, 1.0).float()


def draws(labels: Tensor, classes: int) -> Tensor:
    """How often each image is drawn, (N,), so that every class is drawn equally often."""
    return class_weights(labels, classes)[labels]

"""The accuracy of each class, averaged over the classes that have images."""

from torch import Tensor

from trainables.counts import balanced, counts
from trainables.data.dataset import Integers

MEANING = "accuracy of each class, averaged over the classes that have validation images"


def score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor:
    """The score, as scikit-learn's ``balanced_accuracy_score``."""
    classes = logits.shape[1]
    right = counts(labels, classes, logits.argmax(dim=1) == labels)
    return (right / counts(labels, classes)).nanmean()


def images(labels: Integers, digits: Integers | None) -> float:
    """All images if all classes have the same size, else fewer."""
    return balanced(labels)

"""The F1 of each class, the harmonic mean of its precision and recall, averaged over classes."""

from torch import Tensor

from trainables.counts import balanced, counts
from trainables.data.dataset import Integers

MEANING = "F1 of each class, averaged over the classes that have validation images or are predicted"


def score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor:
    """The score, as scikit-learn's ``f1_score`` with ``average="macro"``.

    A class that is predicted but has no images counts as 0. A class that is neither among the
    labels nor among the predictions is left out.
    """
    classes, predictions = logits.shape[1], logits.argmax(dim=1)
    right = counts(labels, classes, predictions == labels)
    return (2 * right / (counts(labels, classes) + counts(predictions, classes))).nanmean()


def images(labels: Integers, digits: Integers | None) -> float:
    """Roughly the number for the balanced accuracy."""
    return balanced(labels)

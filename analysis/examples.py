"""Images to show: some that the network gets right and some that it gets wrong."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.look import RIGHT, WRONG
from analysis.subject import Subject
from trainables.data.dataset import rank_in_class


@dataclass(frozen=True)
class Example:
    """One image of the shown split.

    Attributes:
        index: in the split.
        label: its class.
        predicted: the class that the network says.
        confidence: the softmax output for that class.
        digit: the digit beside the picture, or None.
    """

    index: int
    label: int
    predicted: int
    confidence: float
    digit: int | None

    @property
    def correct(self) -> bool:
        """True if the prediction is the label."""
        return self.label == self.predicted

    def numbers(self) -> dict[str, Any]:
        """All but the digit, as JSON values."""
        return {key: value for key, value in asdict(self).items() if key != "digit"}


def examples(subject: Subject, correct: int = 2, wrong: int = 2) -> list[Example]:
    """The first images of the split that are predicted rightly, then the first wrongly.

    Not chosen by hand, but of different classes as long as there are; fewer where there are fewer.
    """
    hits = (subject.evaluation.predictions == subject.evaluation.labels).numpy()
    chosen = [*_first(subject, hits, correct), *_first(subject, ~hits, wrong)]
    return [example_at(subject, index) for index in chosen]


def example_at(subject: Subject, index: int) -> Example:
    """The image at ``index`` of the shown split, with what the network says of it."""
    evaluation = subject.evaluation
    predicted = int(evaluation.predictions[index])
    confidence = float(evaluation.logits[index].softmax(0)[predicted])
    digit = None if evaluation.digits is None else int(evaluation.digits[index])
    return Example(index, int(evaluation.labels[index]), predicted, confidence, digit)


def title(subject: Subject, example: Example) -> str:
    """What is written above an image: the prediction and, if that is wrong, the truth."""
    classes = subject.figure_names
    said = f"{classes[example.predicted]} {100 * example.confidence:.0f}%"
    return said if example.correct else f"{said}\nis {classes[example.label]}"


def colour(example: Example) -> str:
    """Green for right, red for wrong."""
    return RIGHT if example.correct else WRONG


def _first(subject: Subject, chosen: np.ndarray, count: int) -> list[int]:
    """The first ``count`` of the ``chosen``, each class once before any comes twice."""
    indices = np.flatnonzero(chosen)
    order = np.lexsort((indices, rank_in_class(subject.split.labels[indices])))
    return sorted(indices[order[:count]].tolist())

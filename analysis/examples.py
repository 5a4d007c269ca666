"""Images to show, drawn from all classes, as the images of a folder are sorted by class."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.look import RIGHT, WRONG
from analysis.subject import Subject
from trainables.data.dataset import Integers, rank_in_class


@dataclass(frozen=True)
class Example:
    """One image of the shown split.

    Attributes:
        index: index in the split.
        label: its class.
        predicted: the class that the network predicts.
        confidence: the softmax output for the predicted class.
        digit: the digit next to the picture, or None.
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
    """At most ``correct`` images that are predicted correctly, then at most ``wrong`` others.

    ``sample`` draws both.
    """
    hits = (subject.evaluation.predictions == subject.evaluation.labels).numpy()
    kinds = ((np.flatnonzero(hits), correct), (np.flatnonzero(~hits), wrong))
    chosen = [sample(subject.split.labels, count, among) for among, count in kinds]
    return [example_at(subject, int(index)) for index in np.concatenate(chosen)]


def sample(labels: Integers, count: int, among: Integers | None = None) -> Integers:
    """Draw images with a fixed seed; every class comes once before any class comes twice.

    Args:
        labels: labels of all images.
        count: number of images to draw, at most.
        among: indices of the images to draw from; all if None.

    Returns:
        Their indices, ascending.
    """
    among = np.arange(len(labels)) if among is None else among
    drawn = np.random.default_rng(0).permutation(among)
    order = np.argsort(rank_in_class(labels[drawn]), kind="stable")
    return np.sort(drawn[order[:count]])


def example_at(subject: Subject, index: int) -> Example:
    """The image at ``index`` of the shown split, with the network's prediction."""
    evaluation = subject.evaluation
    predicted = int(evaluation.predictions[index])
    confidence = float(evaluation.logits[index].softmax(0)[predicted])
    digit = None if evaluation.digits is None else int(evaluation.digits[index])
    return Example(index, int(evaluation.labels[index]), predicted, confidence, digit)


def title(subject: Subject, example: Example) -> str:
    """The text above an image: the prediction and, if that is wrong, the label."""
    classes = subject.figure_names
    said = f"{classes[example.predicted]} {100 * example.confidence:.0f}%"
    return said if example.correct else f"{said}\nis {classes[example.label]}"


def colour(example: Example) -> str:
    """Green for right, red for wrong."""
    return RIGHT if example.correct else WRONG

"""Reliability diagram and expected calibration error."""

import numpy as np
from matplotlib.figure import Figure

from analysis.calibration import Reliability, reliability
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "predictions"


def draw(subject: Subject) -> Drawing:
    """Accuracy by confidence above, the number of images below."""
    evaluation = subject.evaluation
    diagram = reliability(evaluation.logits, evaluation.labels)
    accuracy = float((evaluation.predictions == evaluation.labels).double().mean())
    shares = diagram.counts / diagram.counts.sum()
    confidence = float(np.nansum(diagram.confidence * shares))
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle, width = (diagram.edges[1:] + diagram.edges[:-1]) / 2, np.diff(diagram.edges)
    upper.bar(middle, np.nan_to_num(diagram.accuracy), width, edgecolor="white", label="accuracy")
    upper.plot(diagram.confidence, diagram.confidence, "k--", label="as confident as right")
    upper.plot(diagram.confidence, diagram.accuracy, "ko", markersize=3)
    upper.set(ylabel="share right", ylim=(0, 1), xlim=(0, 1))
    upper.set_title(f"expected calibration error {100 * diagram.expected_error:.1f} points")
    upper.legend(fontsize=8, loc="upper left")
    lower.bar(middle, shares, width, color="0.6", edgecolor="white")
    lower.set(xlabel="confidence", ylabel="share of images")
    numbers = {
        "expected_calibration_error": diagram.expected_error,
        "accuracy": accuracy,
        "mean_confidence": confidence,
        "bins": _rows(diagram),
    }
    return Drawing(figure, numbers, _caption(subject, accuracy, confidence))


def _rows(diagram: Reliability) -> list[dict[str, float]]:
    """The bins that hold images."""
    return [
        {
            "from": float(diagram.edges[place]),
            "to": float(diagram.edges[place + 1]),
            "images": int(diagram.counts[place]),
            "confidence": float(diagram.confidence[place]),
            "accuracy": float(diagram.accuracy[place]),
        }
        for place in np.flatnonzero(diagram.counts)
    ]


def _caption(subject: Subject, accuracy: float, confidence: float) -> Caption:
    word = "more" if confidence > accuracy else "less"
    return Caption(
        f"How often the network is right (bars) where it says that it is so confident. It is "
        f"{100 * confidence:.1f}% confident on average and {100 * accuracy:.1f}% right: {word} "
        "confident than right.",
        f"Confidence is the largest softmax output on the {subject.split_name} images, in 15 bins "
        "of equal width; the error is the mean gap of the bins, weighted by their images "
        "(Guo et al. 2017).",
        "The error depends on the bins and is biased upwards where they hold few images. Label "
        "smoothing and MixUp lower confidence on purpose.",
    )

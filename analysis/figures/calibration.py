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
    found = reliability(evaluation.logits, evaluation.labels)
    accuracy = float((evaluation.predictions == evaluation.labels).double().mean())
    shares = found.counts / found.counts.sum()
    confidence = float(np.nansum(found.confidence * shares))
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle, width = (found.edges[1:] + found.edges[:-1]) / 2, np.diff(found.edges)
    upper.bar(middle, np.nan_to_num(found.accuracy), width, edgecolor="white", label="accuracy")
    upper.plot(found.confidence, found.confidence, "k--", label="as confident as right")
    upper.plot(found.confidence, found.accuracy, "ko", markersize=3)
    upper.set(ylabel="share right", ylim=(0, 1), xlim=(0, 1))
    upper.set_title(f"expected calibration error {100 * found.expected_error:.1f} points")
    upper.legend(fontsize=8, loc="upper left")
    lower.bar(middle, shares, width, color="0.6", edgecolor="white")
    lower.set(xlabel="confidence", ylabel="share of images")
    numbers = {
        "expected_calibration_error": found.expected_error,
        "accuracy": accuracy,
        "mean_confidence": confidence,
        "bins": _rows(found),
    }
    return Drawing(figure, numbers, _caption(subject, accuracy, confidence))


def _rows(found: Reliability) -> list[dict[str, float]]:
    """The bins that hold images."""
    return [
        {
            "from": float(found.edges[place]),
            "to": float(found.edges[place + 1]),
            "images": int(found.counts[place]),
            "confidence": float(found.confidence[place]),
            "accuracy": float(found.accuracy[place]),
        }
        for place in np.flatnonzero(found.counts)
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

"""Reliability diagram and expected calibration error."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.audit.intervals import Estimate, share
from analysis.calibration import Reliability, reliability
from analysis.figures import Caption, Drawing
from analysis.look import MARK, PALE, PLAIN, SMALL
from analysis.subject import Subject

GROUP = "predictions"


def draw(subject: Subject) -> Drawing:
    """Draw the accuracy by confidence above, and the number of images below."""
    evaluation = subject.evaluation
    diagram = reliability(evaluation.logits, evaluation.labels)
    accuracy = float((evaluation.predictions == evaluation.labels).double().mean())
    shares = diagram.counts / diagram.counts.sum()
    confidence = float(np.nansum(diagram.confidence * shares))
    rows = _rows(diagram)
    figure = Figure(figsize=(7, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _draw_accuracy(upper, diagram, rows)
    _draw_counts(lower, diagram)
    numbers = {
        "expected_calibration_error": diagram.expected_error,
        "accuracy": accuracy,
        "mean_confidence": confidence,
        "bins": rows,
    }
    return Drawing(figure, numbers, _caption(subject, accuracy, confidence))


def _draw_accuracy(axes: Axes, diagram: Reliability, rows: list[dict[str, Any]]) -> None:
    width = 0.9 * np.diff(diagram.edges)
    axes.bar(_middle(diagram), np.nan_to_num(diagram.accuracy), width, color=PALE)
    axes.plot((0, 1), (0, 1), "--", color=MARK, linewidth=1, label="as confident as right")
    value, low, high = (np.array([row[key] for row in rows]) for key in ("accuracy", "low", "high"))
    axes.errorbar(
        [row["confidence"] for row in rows],
        value,
        yerr=np.maximum((value - low, high - value), 0),
        fmt="o",
        color=PLAIN,
        markersize=4,
        capsize=2,
        label="share right, with its 95% interval",
    )
    axes.set(ylabel="share right", ylim=(-0.03, 1.03), xlim=(0, 1.02))  # whole dots at 0 and 1
    axes.set_title(f"expected calibration error {100 * diagram.expected_error:.1f} points")
    axes.legend(loc="upper left")


def _draw_counts(axes: Axes, diagram: Reliability) -> None:
    bars = axes.bar(_middle(diagram), diagram.counts, 0.9 * np.diff(diagram.edges), color=PLAIN)
    counts = [f"{count:,}" if count else "" for count in diagram.counts]
    axes.bar_label(bars, counts, fontsize=SMALL, padding=1)
    axes.margins(y=0.25)
    axes.set(xlabel="confidence", ylabel="images")


def _middle(diagram: Reliability) -> np.ndarray:
    middle: np.ndarray = (diagram.edges[1:] + diagram.edges[:-1]) / 2
    return middle


def _rows(diagram: Reliability) -> list[dict[str, Any]]:
    """The bins that hold images."""
    return [
        {
            "from": float(diagram.edges[place]),
            "to": float(diagram.edges[place + 1]),
            "images": int(diagram.counts[place]),
            "confidence": float(diagram.confidence[place]),
            "accuracy": float(diagram.accuracy[place]),
            "low": interval.low,
            "high": interval.high,
        }
        for place in np.flatnonzero(diagram.counts)
        for interval in [_interval(diagram, int(place))]
    ]


def _interval(diagram: Reliability, place: int) -> Estimate:
    images = int(diagram.counts[place])
    estimate = share(np.arange(images) < round(float(diagram.accuracy[place]) * images))
    assert estimate is not None
    return estimate


def _caption(subject: Subject, accuracy: float, confidence: float) -> Caption:
    word = "more" if confidence > accuracy else "less"
    return Caption(
        "The share of right predictions at each level of confidence (dots, with 95% intervals), "
        f"and below the number of images. On average the network is {100 * confidence:.1f}% "
        f"confident and {100 * accuracy:.1f}% right: {word} confident than right.",
        f"Confidence is the largest softmax output on the {subject.split_name} images, in 15 bins "
        "of equal width. Intervals are Wilson's. The expected calibration error is the mean gap "
        "between confidence and accuracy, each bin weighted by its images (Guo et al. 2017).",
        "The error depends on the bins, and it is biased upwards if they hold few images. Label "
        "smoothing and MixUp lower confidence on purpose.",
    )

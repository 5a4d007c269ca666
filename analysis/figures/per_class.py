"""Accuracy of each class, the lowest first."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.audit.intervals import Estimate, share
from analysis.figures import Caption, Drawing
from analysis.look import MARK, PALE, PLAIN, TEXT
from analysis.subject import Subject

GROUP = "predictions"
MAX_BARS = 30  # classes; if there are more, the least and the most accurate are drawn


def draw(subject: Subject) -> Drawing:
    """Draw the accuracy of each class; the dashed line is the accuracy on all images."""
    evaluation, names = subject.evaluation, subject.dataset.classes
    labels = evaluation.labels.numpy()
    right = (evaluation.predictions == evaluation.labels).numpy()
    images = np.bincount(labels, minlength=len(names))
    shares = np.bincount(labels, weights=right, minlength=len(names)) / np.maximum(images, 1)
    order = np.argsort(np.where(images, shares, np.inf), kind="stable")  # empty classes are last
    rows = [
        {
            "class": names[i],
            "accuracy": float(shares[i]) if images[i] else None,
            "images": int(images[i]),
        }
        for i in order
    ]
    shown = [i for i in order if images[i]]
    figure = _figure(subject, shares, images, shown, float(right.mean()))
    numbers = {"overall": float(right.mean()), "classes": rows}
    numbers["chosen_by"] = subject.run.job.metric
    return Drawing(figure, numbers, _caption(subject, len(shown)))


def _figure(
    subject: Subject, shares: np.ndarray, images: np.ndarray, shown: list[int], overall: float
) -> Figure:
    half = MAX_BARS // 2
    between = shown[half:-half] if len(shown) > MAX_BARS else []
    drawn = [*shown[:half], *shown[-half:]] if between else shown
    figure = Figure(figsize=(7, 1.2 + 0.35 * max(len(drawn), 2)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(drawn)) + (np.arange(len(drawn)) >= half) * bool(between)
    intervals = [_interval(shares[i], images[i]) for i in drawn]
    reach = np.array([(i.value - i.low, i.high - i.value) for i in intervals]).T
    error = {"ecolor": PLAIN, "capsize": 2, "elinewidth": 1}
    axes.barh(places, shares[drawn], color=PALE, xerr=np.maximum(reach, 0), error_kw=error)
    axes.set_yticks(places, [subject.figure_names[i] for i in drawn])
    axes.axvline(overall, color=MARK, linestyle="--", linewidth=1)
    for place, i in zip(places, drawn, strict=True):
        text = f"{100 * shares[i]:.1f}% of {images[i]:,}"
        beside = axes.get_yaxis_transform()
        axes.text(1.02, place, text, transform=beside, va="center", fontsize=TEXT)
    if between:
        _summarise(axes, half, shares[between])
    axes.set(xlim=(0, 1), xlabel=f"{subject.split_name} accuracy, with its 95% interval")
    axes.set_title(f"dashed: {100 * overall:.1f}% of all images")
    axes.invert_yaxis()
    return figure


def _interval(accuracy: float, images: int) -> Estimate:
    estimate = share(np.arange(images) < round(accuracy * images))
    assert estimate is not None
    return estimate


def _summarise(axes: Axes, place: int, shares: np.ndarray) -> None:
    """Write a line on the classes between the least and the most accurate."""
    ends = f"{100 * shares[0]:.1f}% to {100 * shares[-1]:.1f}%"
    axes.text(0.01, place, f"… {len(shares)} classes, {ends} …", va="center", fontsize=TEXT)


def _caption(subject: Subject, count: int) -> Caption:
    empty = len(subject.dataset.classes) - count
    parts: dict[str, Any] = {
        f" The {MAX_BARS // 2} least and the {MAX_BARS // 2} most accurate of {count} classes are "
        "drawn; the numbers hold all.": count > MAX_BARS,
        f" Classes without such images are left out: {empty}.": empty,
    }
    return Caption(
        f"The share of each class's {subject.split_name} images that is predicted correctly, "
        f"lowest first.{''.join(text for text, holds in parts.items() if holds)}",
        "Each share is the diagonal of the confusion matrix divided by the sum of its row, with "
        "Wilson's interval. The dashed line is the share of all images. The weights are those of "
        f"the best epoch by validation {subject.judged_by}.",
        "With a few hundred images per class, differences of some points are chance.",
    )

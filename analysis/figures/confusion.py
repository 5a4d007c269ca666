"""Confusion matrix, and the pairs of classes that are confused most."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import confusion_matrix

from analysis.class_names import name_ticks
from analysis.figures import Caption, Drawing
from analysis.look import PLAIN, SHARES, TEXT, WIDTH
from analysis.subject import Subject

GROUP = "predictions"
PAIRS = 10
NUMBERED = 25  # most classes with a count in each cell
NAMED = 5  # pairs in the caption
SIDE = 8.5  # inches, if there are more classes than that


def draw(subject: Subject) -> Drawing:
    """Draw the matrix: rows are true classes, colour is the share of the row, text the count."""
    classes, evaluation = subject.dataset.classes, subject.evaluation
    labels = list(range(len(classes)))
    counts = confusion_matrix(evaluation.labels, evaluation.predictions, labels=labels)
    most = _frequent_confusions(counts)
    numbers = {
        "classes": classes,
        "counts": counts.tolist(),
        "most": most,
        "chosen_by": subject.run.job.metric,
    }
    return Drawing(_figure(subject, counts, most), numbers, _caption(subject, most))


def _figure(subject: Subject, counts: np.ndarray, most: list[dict[str, int]]) -> Figure:
    """The matrix, and below it the pairs of classes that are confused most."""
    few = len(counts) <= NUMBERED
    side = min(3 + 0.5 * len(counts), SIDE) if few else SIDE
    below = 0.8 + 0.23 * len(most) if most else 0.0
    figure = Figure(figsize=(min(max(side + 1, 6), WIDTH), side + below), layout="constrained")
    parts = (side, below) if most else (side,)
    panels = figure.subplots(len(parts), 1, squeeze=False, height_ratios=parts)[:, 0]
    _draw_matrix(panels[0], subject, counts, few)
    if most:
        _draw_pairs(panels[1], subject, counts, most)
    return figure


def _draw_matrix(axes: Axes, subject: Subject, counts: np.ndarray, numbered: bool) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=SHARES, vmin=0, vmax=1)
    axes.figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    if numbered:
        _write_counts(axes, counts, shares)
    name_ticks(axes, subject.figure_names)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{len(subject.split):,} {subject.split_name} images",
    )


def _draw_pairs(
    axes: Axes, subject: Subject, counts: np.ndarray, most: list[dict[str, int]]
) -> None:
    """Draw a bar for each pair, the most frequent first, with its share of the true class."""
    names, images = subject.figure_names, counts.sum(axis=1)
    bars = axes.barh(range(len(most)), [pair["count"] for pair in most], color=PLAIN)
    labels = [f"{names[pair['true']]} as {names[pair['predicted']]}" for pair in most]
    axes.set_yticks(range(len(most)), labels)
    axes.invert_yaxis()
    texts = [f"{p['count']:,} ({100 * p['count'] / images[p['true']]:.0f}%)" for p in most]
    axes.bar_label(bars, texts, fontsize=TEXT, padding=3)
    axes.margins(x=0.2)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set(title="Most confused: true as predicted", xlabel="images (share of the true class)")


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=TEXT)


def _frequent_confusions(counts: np.ndarray) -> list[dict[str, int]]:
    """The most frequent (true, predicted) pairs off the diagonal, by class index."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    return [{"true": t, "predicted": p, "count": int(wrong[t, p])} for t, p in pairs if wrong[t, p]]


def _caption(subject: Subject, most: list[dict[str, int]]) -> Caption:
    names, many = subject.figure_names, len(subject.figure_names) > NUMBERED
    pairs = [
        f"{names[pair['true']]} as {names[pair['predicted']]} ({pair['count']})"
        for pair in most[:NAMED]
    ]
    confused = f" Most often confused: {', '.join(pairs)}." if pairs else ""
    counts = "" if many else "The numbers are counts of images. "
    return Caption(
        f"How often the {subject.split_name} images of each true class (rows) are predicted as "
        f"each class (columns). {counts}Colour is the share of the row. Below are the pairs of "
        f"classes that are confused most.{confused}",
        f"The network has the weights of the best epoch by validation {subject.judged_by}, in eval "
        "mode, on unaugmented images.",
        "This is one training with one seed: small differences between counts are chance.",
    )

"""Confusion matrix, and the pairs of classes that are confused most."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from analysis.class_names import name_ticks
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "predictions"
PAIRS = 10
NUMBERED = 25  # classes up to which each cell tells its count
NAMED = 5  # pairs in the caption
SIDE = 10.0  # inches, of more classes than that


def draw(subject: Subject) -> Drawing:
    """Rows are true classes; colour is the share of the row, the text the number of images."""
    classes, evaluation = subject.dataset.classes, subject.evaluation
    labels = list(range(len(classes)))
    counts = confusion_matrix(evaluation.labels, evaluation.predictions, labels=labels)
    most = _frequent_confusions(counts)
    numbers = {"classes": classes, "counts": counts.tolist(), "most": most}
    return Drawing(_figure(subject, counts), numbers, _caption(subject, most))


def _figure(subject: Subject, counts: np.ndarray) -> Figure:
    few = len(counts) <= NUMBERED
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3 + 0.5 * len(counts) if few else SIDE
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    if few:
        _write_counts(axes, counts, shares)
    name_ticks(axes, subject.figure_names)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{len(subject.split):,} {subject.split_name} images",
    )
    return figure


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=8)


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
    what = "coloured by their share of the row" if many else "the number of images, coloured by "
    what += "" if many else "their share of the row"
    return Caption(
        f"How often the {subject.split_name} images of each true class (rows) are predicted as "
        f"each class (columns): {what}.{confused}",
        "The weights of the best epoch, in eval mode, on unaugmented images.",
        "One training with one seed: neighbouring counts differ by chance.",
    )

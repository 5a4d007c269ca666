"""Confusion matrix, and the pairs of classes that are confused most."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "predictions"
PAIRS = 10


def draw(subject: Subject) -> Drawing:
    """Rows are true classes; colour is the share of the row, the text the number of images."""
    classes, evaluation = subject.dataset.classes, subject.evaluation
    labels = range(len(classes))
    counts = confusion_matrix(evaluation.labels, evaluation.predictions, labels=list(labels))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3 + 0.5 * len(classes)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(labels, classes, rotation=45, ha="right")
    axes.set_yticks(labels, classes)
    axes.set(
        xlabel="predicted",
        ylabel="true",
        title=f"{len(subject.split):,} {subject.split_name} images",
    )
    return Drawing(
        figure,
        {"classes": classes, "counts": counts.tolist(), "most": _frequent_confusions(counts)},
        _caption(subject),
    )


def _frequent_confusions(counts: np.ndarray) -> list[dict[str, int]]:
    """The most frequent (true, predicted) pairs off the diagonal, by class index."""
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    return [{"true": t, "predicted": p, "count": int(wrong[t, p])} for t, p in pairs if wrong[t, p]]


def _caption(subject: Subject) -> Caption:
    return Caption(
        f"How often the {subject.split_name} images of each true class (rows) are predicted as "
        "each class (columns): the number of images, coloured by their share of the row.",
        "The weights of the best epoch, in eval mode, on unaugmented images.",
        "One training with one seed: neighbouring counts differ by chance.",
    )

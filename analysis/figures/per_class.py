"""Accuracy of each class, sorted."""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "predictions"


def draw(subject: Subject) -> Drawing:
    """Share of each true class that is predicted right; the dashed line is over all images."""
    evaluation, names = subject.evaluation, subject.dataset.classes
    labels = evaluation.labels.numpy()
    right = (evaluation.predictions == evaluation.labels).numpy()
    images = np.bincount(labels, minlength=len(names))
    shares = np.bincount(labels, weights=right, minlength=len(names)) / np.maximum(images, 1)
    order = np.argsort(shares, kind="stable")
    figure = Figure(figsize=(7, 1.2 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([names[i] for i in order], shares[order], color="tab:blue")
    axes.axvline(right.mean(), color="0.3", linestyle="--", label=f"all: {100 * right.mean():.1f}%")
    texts = [f"{100 * shares[i]:.1f}%  (n={images[i]})" for i in order]
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.bar_label(bars, texts, padding=4, fontsize=8, bbox=box)
    axes.set(xlim=(0, 1.2), xlabel=f"{subject.split_name} accuracy")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.legend(loc="lower right", fontsize=8)
    rows = [
        {"class": names[i], "accuracy": float(shares[i]), "images": int(images[i])} for i in order
    ]
    return Drawing(figure, {"overall": float(right.mean()), "classes": rows}, _caption(subject))


def _caption(subject: Subject) -> Caption:
    return Caption(
        f"The share of each class's {subject.split_name} images that is predicted right, least "
        "first.",
        "The diagonal of the confusion matrix over its row; the dashed line is over all images.",
        "With a few hundred images a class, differences of some points are chance.",
    )

"""Validation accuracy of each class, sorted."""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import Drawing
from analysis.subject import Subject


def draw(subject: Subject) -> Drawing:
    """Share of each true class that is predicted right; the dashed line is over all images."""
    evaluation, names = subject.validation, subject.dataset.classes
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
    axes.set(xlim=(0, 1.2), xlabel="validation accuracy")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.legend(loc="lower right", fontsize=8)
    rows = [
        {"class": names[i], "accuracy": float(shares[i]), "images": int(images[i])} for i in order
    ]
    return Drawing(figure, {"overall": float(right.mean()), "classes": rows})

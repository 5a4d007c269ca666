"""Validation images with their predictions: green right, red wrong, and the confidence."""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import Drawing
from analysis.subject import Subject

ROWS, COLUMNS = 4, 6


def draw(subject: Subject) -> Drawing:
    """The first images of the split, not chosen; confidence is the largest softmax output."""
    dataset, evaluation = subject.dataset, subject.validation
    confidences, predictions = evaluation.logits.softmax(dim=1).max(dim=1)
    count = min(ROWS * COLUMNS, len(dataset.val))
    figure = Figure(figsize=(1.9 * COLUMNS, 2.25 * ROWS), layout="constrained")
    rows = []
    for index, axes in enumerate(np.ravel(figure.subplots(ROWS, COLUMNS))):
        axes.axis("off")
        if index >= count:
            continue
        label, predicted = int(evaluation.labels[index]), int(predictions[index])
        confidence = float(confidences[index])
        axes.imshow(dataset.val.images[index])
        truth = "" if label == predicted else f"\nis {dataset.classes[label]}"
        axes.set_title(
            f"{dataset.classes[predicted]} {100 * confidence:.0f}%{truth}",
            color="tab:green" if label == predicted else "tab:red",
            fontsize=9,
        )
        rows.append(
            {"index": index, "label": label, "predicted": predicted, "confidence": confidence}
        )
    return Drawing(figure, {"classes": dataset.classes, "images": rows})

"""Images with their predictions: green right, red wrong, and the confidence."""

import numpy as np
from matplotlib.figure import Figure

from analysis.examples import colour, example_at, title
from analysis.figures import Caption, Drawing
from analysis.look import TEXT
from analysis.subject import Subject

GROUP = "predictions"
ROWS, COLUMNS = 4, 6


def draw(subject: Subject) -> Drawing:
    """The first images of the split, not chosen."""
    figure = Figure(figsize=(1.55 * COLUMNS, 1.95 * ROWS), layout="constrained")
    rows = []
    for index, axes in enumerate(np.ravel(figure.subplots(ROWS, COLUMNS))):
        axes.axis("off")
        if index >= len(subject.split):
            continue
        example = example_at(subject, index)
        axes.imshow(subject.split.images[index])
        axes.set_title(title(subject, example), color=colour(example), fontsize=TEXT)
        rows.append(example.numbers())
    numbers = {"classes": subject.dataset.classes, "images": rows}
    return Drawing(figure, numbers, _caption(subject))


def _caption(subject: Subject) -> Caption:
    return Caption(
        f"{subject.split_name.capitalize()} images with what the network says they are: green is "
        "right, red is wrong, with the truth below.",
        "The first images of the split, not chosen. The percentage is the largest softmax output.",
        "The percentage is not the chance of being right: see the calibration figure for that.",
    )

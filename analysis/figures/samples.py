"""Images with their predictions and confidence; green is right, red is wrong."""

import numpy as np
from matplotlib.figure import Figure

from analysis.examples import colour, example_at, sample, title
from analysis.figures import Caption, Drawing
from analysis.look import TEXT
from analysis.subject import Subject

GROUP = "predictions"
ROWS, COLUMNS = 4, 6


def draw(subject: Subject) -> Drawing:
    """Draw images of the split, from all classes."""
    figure = Figure(figsize=(1.55 * COLUMNS, 1.95 * ROWS), layout="constrained")
    rows = []
    panels = np.ravel(figure.subplots(ROWS, COLUMNS))
    for axes in panels:
        axes.axis("off")
    for axes, index in zip(panels, sample(subject.split.labels, len(panels)), strict=False):
        example = example_at(subject, int(index))
        axes.imshow(subject.picture(index))
        axes.set_title(title(subject, example), color=colour(example), fontsize=TEXT)
        rows.append(example.numbers())
    numbers = {"classes": subject.dataset.classes, "images": rows}
    return Drawing(figure, numbers, _caption(subject))


def _caption(subject: Subject) -> Caption:
    return Caption(
        f"{subject.split_name.capitalize()} images with the network's predictions. Green is right; "
        "red is wrong, with the label below.",
        "Drawn from all classes with a fixed seed. The percentage is the largest softmax output.",
        "The percentage is not the chance of being right; the calibration figure shows that.",
    )

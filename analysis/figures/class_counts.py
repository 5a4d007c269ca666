"""The number of images of each class, in every split."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.class_names import name_ticks
from analysis.figures import Caption, Drawing
from analysis.look import SMALL, TRAINING, VALIDATION
from analysis.subject import Subject

GROUP = "data"
_COLOURS = {"training": TRAINING, "validation": VALIDATION}
NUMBERED, MAX_BARS = 20, 40  # most classes whose bars have numbers, and most with bars


def draw(subject: Subject) -> Drawing:
    """Draw the counts of the training and validation split; the test labels stay sealed."""
    names, dataset = subject.figure_names, subject.dataset
    splits = {"training": dataset.train, "validation": dataset.val}
    counts = {
        split: np.bincount(images.labels, minlength=len(names)) for split, images in splits.items()
    }
    figure = Figure(figsize=(8 if len(names) <= NUMBERED else 9.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, (split, values) in enumerate(counts.items()):
        _draw_split(axes, split, values, 0.4 * place - 0.2)
    name_ticks(axes, names, "x")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("images")
    axes.margins(x=0.01, y=0.2)
    axes.set_ylim(bottom=0)
    figure.legend(loc="outside upper right", ncols=2)
    caption = Caption(
        "The number of images of each class in the training and validation splits.",
        "The counts are over the images that this search used, after its limits.",
        "The labels of the test split are sealed and not counted.",
    )
    return Drawing(figure, {name: value.tolist() for name, value in counts.items()}, caption)


def _draw_split(axes: Axes, split: str, counts: np.ndarray, shift: float) -> None:
    """Draw bars next to those of the other split, or an outline if there are many classes."""
    classes = len(counts)
    if classes > MAX_BARS:
        axes.stairs(counts, np.arange(classes + 1) - 0.5, label=split, color=_COLOURS[split])
        return
    bars = axes.bar(np.arange(classes) + shift, counts, 0.4, label=split, color=_COLOURS[split])
    if classes <= NUMBERED:
        upright = 90 if classes > NUMBERED // 2 else 0  # horizontal numbers would touch
        axes.bar_label(bars, fontsize=SMALL, padding=2, rotation=upright)

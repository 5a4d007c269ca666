"""One image of each class."""

import numpy as np

from analysis.figures import Caption, Drawing
from analysis.panels import image_grid, show
from analysis.subject import Subject

GROUP = "data"
COLUMNS = 5


def draw(subject: Subject) -> Drawing:
    """The first image of each class in the split; a class without one is left out."""
    split, names = subject.split, subject.dataset.classes
    firsts = [np.flatnonzero(split.labels == label)[:1] for label in range(len(names))]
    shown = [(label, int(first[0])) for label, first in enumerate(firsts) if len(first)]
    figure, panels = image_grid(len(shown), COLUMNS)
    for axes, (label, index) in zip(panels, shown, strict=True):
        show(axes, split.images[index], names[label])
    caption = Caption(
        f"An image of each class, of the {subject.split_name} split.",
        "The first of its class in the split, as the network sees it before normalisation.",
        "One image tells little of how varied its class is.",
    )
    return Drawing(figure, {"indices": {names[label]: index for label, index in shown}}, caption)

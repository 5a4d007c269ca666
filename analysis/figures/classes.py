"""One image of each class."""

import numpy as np

from analysis.figures import Caption, Drawing
from analysis.panels import image_grid, show
from analysis.subject import Subject

GROUP = "data"
COLUMNS, MANY_COLUMNS = 5, 6  # for up to 20 classes, and for more
MAX_SHOWN = 64  # classes; if there are more, evenly spaced ones are shown


def draw(subject: Subject) -> Drawing:
    """Draw the first image of each class in the split; a class without images is left out."""
    split, names = subject.split, subject.dataset.classes
    firsts = [np.flatnonzero(split.labels == label)[:1] for label in range(len(names))]
    held = [(label, int(first[0])) for label, first in enumerate(firsts) if len(first)]
    count = min(len(held), MAX_SHOWN)
    shown = [held[place * len(held) // count] for place in range(count)]
    figure, panels = image_grid(count, COLUMNS if count <= 20 else MANY_COLUMNS, 1.55)
    for axes, (label, index) in zip(panels, shown, strict=True):
        show(axes, subject.picture(index), subject.figure_names[label])
    some = f" {count} of {len(held)} classes are shown, evenly spaced." if count < len(held) else ""
    caption = Caption(
        f"One image of each class from the {subject.split_name} split.{some}",
        "Each is the first image of its class in the split, before normalisation.",
        "One image does not show how varied its class is.",
    )
    return Drawing(figure, {"indices": {names[label]: index for label, index in held}}, caption)

"""How many images each class has, in every split."""

import numpy as np
from matplotlib.figure import Figure

from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "data"


def draw(subject: Subject) -> Drawing:
    """A bar for every class and split whose labels are known; the test split's stay sealed."""
    names, dataset = subject.dataset.classes, subject.dataset
    splits = {"training": dataset.train, "validation": dataset.val}
    counts = {
        split: np.bincount(images.labels, minlength=len(names)) for split, images in splits.items()
    }
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    for place, (split, values) in enumerate(counts.items()):
        bars = axes.bar(np.arange(len(names)) + 0.4 * place - 0.2, values, 0.4, label=split)
        axes.bar_label(bars, fontsize=6, padding=1)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("images")
    axes.margins(y=0.12)
    axes.legend(fontsize=8)
    caption = Caption(
        "The number of images of each class in the training and validation splits.",
        "Counted over the images that this search used, limits included.",
        "The test split's labels are sealed and not counted.",
    )
    return Drawing(figure, {name: value.tolist() for name, value in counts.items()}, caption)

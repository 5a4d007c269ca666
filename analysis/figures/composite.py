"""Composite images whose digit agrees with the label, and images whose digit does not."""

import numpy as np

from analysis.class_names import shortened
from analysis.examples import sample
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import ALIGNED, CONFLICTING, SMALL
from analysis.panels import image_grid, show
from analysis.subject import Subject

GROUP = "data"
COUNT = 8
INKS = {"aligned": ALIGNED, "conflicting": CONFLICTING}


def draw(subject: Subject) -> Drawing:
    """Draw aligned images above and conflicting ones below."""
    dataset = subject.dataset
    if not dataset.has_digits:
        raise NotApplicableError("the images carry no digit")
    split, names = subject.split, subject.figure_names
    assert split.digits is not None
    own, noun = subject.run.job.data.shortcut is not None, subject.run.job.data.noun
    kinds = {
        "aligned": sample(split.labels, COUNT, np.flatnonzero(split.aligned)),
        "conflicting": sample(split.labels, COUNT, np.flatnonzero(split.conflicting)),
    }
    figure, panels = image_grid(2 * COUNT, COUNT, 1.15, words=0.45)
    for row, (kind, indices) in enumerate(kinds.items()):
        panels[row * COUNT].set_ylabel(kind, color=INKS[kind], fontweight="bold")
        for axes, index in zip(panels[row * COUNT :], indices, strict=False):
            label, digit = int(split.labels[index]), int(split.digits[index])
            show(axes, subject.picture(index), names[label] if own else f"{names[label]} ({label})")
            axes.title.set_fontsize(SMALL)
            axes.set_xlabel(
                shortened(f"{noun}: {names[digit]}") if own else f"digit {digit}", fontsize=SMALL
            )
            axes.spines[:].set(color=INKS[kind], linewidth=2)
    shares = {
        name: float(part.aligned.sum() / max((part.aligned | part.conflicting).sum(), 1))
        for name, part in (("train", dataset.train), ("val", dataset.val))
        if part.digits is not None
    }
    return Drawing(figure, {"aligned_share": shares}, _caption(subject, shares))


def _caption(subject: Subject, shares: dict[str, float]) -> Caption:
    agreement = ", ".join(f"{100 * share:.1f}% in {name}" for name, share in shares.items())
    own, noun = subject.run.job.data.shortcut is not None, subject.run.job.data.noun
    says = "points to" if own else "is the number of"
    return Caption(
        f"{subject.split_name.capitalize()} images whose {noun} {says} their class (aligned, "
        f"orange frame), and images whose {noun} {says} another class (conflicting, blue frame). "
        f"The label is above each image, the {noun} below. Aligned: {agreement}.",
        "The images are drawn from all classes with a fixed seed.",
        f"The picture alone decides the label. If many training images are aligned, the {noun} is "
        "a shortcut that helps in training and is worthless later.",
    )

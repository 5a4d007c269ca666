"""Change images in pixel space: paste another digit in, or grey the picture or the digit.

A composite image has the picture in its upper left corner and the digit in its lower right one, as
in ``trainables.data.composite``. For other images the cue gives the region.
"""

import numpy as np
from torch import Tensor

from analysis.audit.cue import DIGIT, NO_REGION, Cue, Region
from trainables.data.composite import BACKGROUND
from trainables.data.dataset import Integers

_SEED = 0  # for the draws of digits; every call draws the same


def with_digits(images: Tensor, patches: Tensor, cue: Cue = DIGIT) -> Tensor:
    """Copies of ``images`` with the digits of ``patches``; both are (N, H, W, C) uint8."""
    pasted = images.clone()
    _part(pasted, _region(cue)).copy_(_part(patches, _region(cue)))
    return pasted


def picture_greyed(images: Tensor, cue: Cue = DIGIT) -> Tensor:
    """Copies of ``images``, (N, H, W, C) uint8, with a grey picture."""
    if cue.picture is None:
        grey = images.clone().fill_(BACKGROUND)
        return with_digits(grey, images, cue)
    greyed = images.clone()
    _part(greyed, cue.picture).fill_(BACKGROUND)
    return greyed


def digit_greyed(images: Tensor, cue: Cue = DIGIT) -> Tensor:
    """Copies of ``images``, (N, H, W, C) uint8, with a grey digit."""
    greyed = images.clone()
    _part(greyed, _region(cue)).fill_(BACKGROUND)
    return greyed


def _region(cue: Cue) -> Region:
    if cue.region is None:
        raise ValueError(NO_REGION)
    return cue.region


def _part(images: Tensor, region: Region) -> Tensor:
    """The pixels of ``region``, as a view."""
    top, left, bottom, right = region
    return images[:, top:bottom, left:right]


def sources(digits: Integers, places: Integers, kinds: int = 10) -> Integers:
    """Draw, for each of ``places``, (N,), an image of each kind of digit, (N, kinds).

    All are indices into the split, drawn with a fixed seed; an image draws itself only if no other
    shows that digit.

    Args:
        digits: the digits of the split.
        places: indices into the split.
        kinds: number of kinds of digits.

    Raises:
        ValueError: the split lacks a kind of digit.
    """
    rng = np.random.default_rng(_SEED)
    return np.stack([_drawn(digits, places, kind, rng) for kind in range(kinds)], axis=1)


def other_than(values: Integers, kinds: int = 10) -> Integers:
    """Draw, for each of ``values``, (N,) in [0, kinds), another value, with a fixed seed."""
    rng = np.random.default_rng(_SEED + 1)
    return (values + rng.integers(1, kinds, len(values))) % kinds


def _drawn(digits: Integers, places: Integers, kind: int, rng: np.random.Generator) -> Integers:
    shown = np.flatnonzero(digits == kind)
    if not len(shown):
        raise ValueError(f"no image shows the digit {kind}")
    chosen = rng.integers(len(shown), size=len(places))
    own = shown[chosen] == places
    # An image that drew itself gets one of the others, by a random step.
    steps = rng.integers(1, max(len(shown), 2), size=len(places))
    return shown[np.where(own, (chosen + steps) % len(shown), chosen)]

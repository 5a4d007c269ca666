"""Estimates with their 95% intervals."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

CONFIDENCE = 0.95
_DECIMALS = 9  # decimals of an image's value, so that rounding errors do not look like an effect
_Z = float(norm.ppf(0.5 + CONFIDENCE / 2))

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure estimated from images.

    Attributes:
        value: the estimate.
        low: lower end of its 95% interval.
        high: upper end of its 95% interval.
        images: the number of images.
    """

    value: float
    low: float
    high: float
    images: int


def share(hits: Booleans) -> Estimate | None:
    """The share of ``hits``, (N,), that are true, with Wilson's interval; None if N is 0."""
    if not len(hits):
        return None
    count, images = int(hits.sum()), len(hits)
    value, room = count / images, _Z**2 / images
    centre, half = value + room / 2, (room * value * (1 - value) + room**2 / 4) ** 0.5
    low, high = ((centre + sign * half) / (1 + room) for sign in (-1, 1))
    # For a share of 0 or 1, rounding can put the end of the interval beyond the share.
    return Estimate(value, min(max(low, 0.0), value), max(min(high, 1.0), value), images)


def mean(values: Floats) -> Estimate | None:
    """The mean of ``values``, (N,), one per image, with its normal interval; None if N is 0."""
    if not len(values):
        return None
    values = values.round(_DECIMALS)
    value, images = float(values.mean()), len(values)
    half = _Z * float(values.std(ddof=1)) / images**0.5 if images > 1 else 0.0
    return Estimate(value, value - half, value + half, images)


def widened(estimate: Estimate, variance: float) -> Estimate:
    """The mean ``estimate`` with ``variance`` added to the variance of its normal interval."""
    half = float(np.hypot(estimate.high - estimate.value, _Z * variance**0.5))
    return replace(estimate, low=estimate.value - half, high=estimate.value + half)


def difference(first: Booleans, second: Booleans) -> Estimate | None:
    """Share of ``first`` minus that of ``second`` on the same images, (N,) each; None if N is 0.

    The interval is that of Bonett and Price 2012 ("Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data"). It adds one image to either side of
    the disagreement, so that it stays valid if few images differ. The value may be off its centre.
    """
    if not len(first):
        return None
    images = len(first)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    up, down = (only_first + 1) / (images + 2), (only_second + 1) / (images + 2)
    half = _Z * ((up + down - (up - down) ** 2) / (images + 2)) ** 0.5
    value = (only_first - only_second) / images
    low, high = max(up - down - half, -1.0), min(up - down + half, 1.0)
    return Estimate(value, low, high, images)


def difference_of_groups(first: Booleans, second: Booleans) -> Estimate | None:
    """Share of ``first``, (N,), minus that of ``second``, (M,), on different images.

    It is None if N or M is 0. The interval is that of Newcombe 1998 ("Interval estimation for the
    difference between independent proportions"), from the Wilson intervals of both.
    """
    one, other = share(first), share(second)
    if one is None or other is None:
        return None
    value = one.value - other.value
    below = np.hypot(one.value - one.low, other.high - other.value)
    above = np.hypot(one.high - one.value, other.value - other.low)
    images = one.images + other.images
    return Estimate(value, value - float(below), value + float(above), images)

"""Estimates with their 95% intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

CONFIDENCE = 0.95
_Z = float(norm.ppf(0.5 + CONFIDENCE / 2))

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure estimated from images.

    Attributes:
        value: the estimate.
        low: lower end of its 95% interval.
        high: upper end.
        images: how many it rests on.
    """

    value: float
    low: float
    high: float
    images: int


def share(hits: Booleans) -> Estimate | None:
    """The share of ``hits``, (N,), that are true, with Wilson's interval; None of no images."""
    if not len(hits):
        return None
    count, images = int(hits.sum()), len(hits)
    interval = binomtest(count, images).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(count / images, float(interval.low), float(interval.high), images)


def mean(values: Floats) -> Estimate | None:
    """The mean of ``values``, (N,), one an image, with its normal interval; None of no images."""
    if not len(values):
        return None
    value, images = float(values.mean()), len(values)
    half = _Z * float(values.std(ddof=1)) / images**0.5 if images > 1 else 0.0
    return Estimate(value, value - half, value + half, images)


def difference(first: Booleans, second: Booleans) -> Estimate | None:
    """Share of ``first`` less that of ``second``, (N,) each, of the same images; None of none.

    The interval is that of Bonett and Price 2012 ("Adjusted Wald confidence interval for a
    difference of binomial proportions based on paired data"): one image more on either side of the
    disagreement, which keeps it honest where few images differ. It may not be centred on the value.
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

"""Calibration: does a network's confidence equal its chance of being right?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in bins of confidence.

    Attributes:
        edges: (bins + 1,), ends of the bins; a bin includes its upper end, not its lower one.
        counts: (bins,), number of images in each bin.
        confidence: (bins,), mean confidence; NaN for an empty bin.
        accuracy: (bins,), share of right predictions; NaN for an empty bin.
    """

    edges: Floats
    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def expected_error(self) -> float:
        """Expected calibration error: the mean gap, each bin weighted by its number of images."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.counts) / self.counts.sum())


def reliability(logits: Tensor, labels: Tensor) -> Reliability:
    """Bin images by the largest softmax output in ``BINS`` equal bins (Guo et al. 2017, section 2).

    Args:
        logits: (N, classes).
        labels: (N,), class indices.
    """
    confidence, predicted = (value.numpy() for value in logits.double().softmax(dim=1).max(dim=1))
    right = predicted == labels.numpy()
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: an empty bin has no mean
        means = [np.bincount(place, value, BINS) / counts for value in (confidence, right)]
    return Reliability(edges, counts, *means)

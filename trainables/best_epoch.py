"""The one place that decides which epoch of a training is its best."""

from collections.abc import Mapping
from typing import Any

METRIC = "val_accuracy"  # the figure by which epochs, and then trials, are judged; in [0, 1]


def improves(figures: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    """True if an epoch's ``figures`` are better than those of the ``best`` epoch before it.

    Of equal epochs the first is the best. ``best`` is empty before the first epoch.
    """
    return bool(figures[METRIC] > best.get(METRIC, -1.0))

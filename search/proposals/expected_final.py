"""Estimates what a stopped training would have reached."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np


def expected_finals(histories: Sequence[Mapping[int, float]]) -> list[float]:
    """The expected value of each training's best epoch, had it continued to the end of its budget.

    It is the training's best value so far plus the median gain after that epoch of the trainings
    that continued from the same epoch. Of these, those that were stopped later count with their own
    expected values. A training that no other outlasted counts with its best value.

    Args:
        histories: the values by epoch of each training; at least one training.
    """
    ordered = [dict(sorted(history.items())) for history in histories]
    best = [dict(zip(h, accumulate(h.values(), max), strict=True)) for h in ordered]
    last = [max(values) for values in best]
    finals: dict[int, float] = {}
    for training in sorted(range(len(best)), key=lambda each: -last[each]):
        epoch = last[training]
        longer = [other for other in finals if last[other] > epoch and epoch in best[other]]
        gains = [finals[other] - best[other][epoch] for other in longer]
        finals[training] = best[training][epoch] + (float(np.median(gains)) if gains else 0.0)
    return [finals[training] for training in range(len(best))]

"""What a training that was stopped would probably have reached."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np


def expected_finals(histories: Sequence[Mapping[int, float]]) -> list[float]:
    """The expected value of each training's best epoch, had it gone on to the end of its budget.

    That is its best value so far, and the median of what the trainings that went on from the same
    epoch gained after it. These may have been stopped later themselves, and then count at their
    own expected values. A training that none outlasted counts at its best.

    Args:
        histories: of each training its values by epoch; at least one.
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

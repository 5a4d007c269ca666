"""How many finals fit into a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapreplace


@dataclass(frozen=True)
class FinalsPlan:
    """The finals of a search that has a limited time.

    Attributes:
        finalists: settings that are trained again, besides the baseline's.
        seeds: how often each is.
        seconds: what all of them together will take.
    """

    finalists: int = 0
    seeds: int = 0
    seconds: float = 0.0


def plan_finals(
    lengths: Callable[[int, int], Sequence[float]],
    finalists: int,
    seeds: int,
    slots: int,
    start: float,
    seconds: float,
) -> FinalsPlan:
    """The most of the finals that fit into ``seconds``; none if not even one finalist does.

    Seeds are given up first, then finalists: a single seed shows already whether a setting was
    lucky.

    Args:
        lengths: the seconds of each training that is left, of so many finalists and seeds, in
            their order.
        finalists: asked for.
        seeds: asked for.
        slots: trainings at once.
        start: seconds until the first workers train.
        seconds: there are.
    """
    smaller = [(finalists, each) for each in range(seeds, 0, -1)]
    smaller += [(each, 1) for each in range(finalists - 1, 0, -1)]
    for count, each in smaller if finalists else []:
        needed = makespan(lengths(count, each), slots, start)
        if needed <= seconds:
            return FinalsPlan(count, each, needed)
    return FinalsPlan()


def makespan(lengths: Sequence[float], slots: int, start: float) -> float:
    """What trainings take of which each begins as soon as one of ``slots`` is free; 0 of none."""
    ends = [start] * slots
    for length in lengths:
        heapreplace(ends, ends[0] + length)
    return max(ends) if lengths else 0.0

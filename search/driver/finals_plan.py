"""Plans how many finals fit into a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapreplace


@dataclass(frozen=True)
class FinalsPlan:
    """The finals of a search with a time limit.

    Attributes:
        finalists: number of settings to train again, besides the baseline's.
        seeds: number of trainings of each.
        seconds: expected duration of all finals together.
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
    """The largest finals that fit into ``seconds``; none if not even one finalist fits.

    Seeds are dropped first, then finalists, as a single seed already shows whether a setting was
    lucky.

    Args:
        lengths: given the numbers of finalists and seeds, the seconds of each remaining training,
            in order.
        finalists: number of finalists that were asked for.
        seeds: number of seeds that were asked for.
        slots: number of trainings at once.
        start: seconds until the first workers train.
        seconds: the time that is left.
    """
    smaller = [(finalists, each) for each in range(seeds, 0, -1)]
    smaller += [(each, 1) for each in range(finalists - 1, 0, -1)]
    for count, each in smaller if finalists else []:
        needed = makespan(lengths(count, each), slots, start)
        if needed <= seconds:
            return FinalsPlan(count, each, needed)
    return FinalsPlan()


def makespan(lengths: Sequence[float], slots: int, start: float) -> float:
    """Duration of trainings that each begin as soon as one of ``slots`` is free; 0 without any."""
    ends = [start] * slots
    for length in lengths:
        heapreplace(ends, ends[0] + length)
    return max(ends) if lengths else 0.0

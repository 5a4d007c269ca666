"""The machine-repairman model: workers that train, and one driver that hears their reports.

A closed queueing system. Each of N workers trains for Z seconds (its think time), then asks the
driver, who needs D seconds for each (its demand) and serves one at a time. What follows from the
means alone are the asymptotic bounds of operational analysis (Denning & Buzen 1978, "The
Operational Analysis of Queueing Network Models", Computing Surveys 10, 225-261). Where service
times are exponential, mean value analysis is exact (Reiser & Lavenberg 1980, "Mean-Value Analysis
of Closed Multichain Queueing Networks", JACM 27, 313-322), whatever the spread of the think times.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Reports a second, at the least and at the most."""

    low: float
    high: float


def bounds(workers: int, think: float, demand: float, *, ahead: bool = False) -> Bounds:
    """Between which the throughput of a closed system lies.

    At the best no report waits for another, at the worst each waits for those of all others.

    Args:
        workers: 1 or more.
        think: mean seconds between an answer and the next report, 0 or more.
        demand: mean seconds that the driver needs a report, more than 0.
        ahead: whether a worker thinks on while its report is with the driver, never more than one
            ahead; then nothing but the driver's capacity or the thinking itself bounds it.
    """
    high = min(workers / _least_cycle(think, demand, ahead), 1 / demand)
    return Bounds(workers / (think + workers * demand), high)


def knee(think: float, demand: float, *, ahead: bool = False) -> float:
    """Where both upper bounds cross: the workers that keep the driver busy, its saturation point.

    With more of them some are bound to wait. Arguments are those of ``bounds``.
    """
    return _least_cycle(think, demand, ahead) / demand


def _least_cycle(think: float, demand: float, ahead: bool) -> float:
    """Seconds between two reports of a worker that nobody else disturbs."""
    return max(think, demand) if ahead else think + demand


def mean_value_analysis(workers: int, think: float, demand: float) -> float:
    """Reports a second of ``workers`` who wait for each answer, where service is exponential."""
    queue, throughput = 0.0, 0.0
    for population in range(1, workers + 1):
        response = demand * (1 + queue)
        throughput = population / (think + response)
        queue = throughput * response
    return throughput

"""A discrete-event simulation of workers that report to one driver, as Convoy's do.

What the machine-repairman model leaves out: a worker trains one epoch ahead while its report is
with the driver (``search.workers.reporting``); trials end at ASHA's rungs, and a worker waits
between two of them; epochs differ in length.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Draw = Callable[[float], float]  # a random number of this mean


class Lengths(Protocol):
    """How many epochs a trial trains."""

    @property
    def mean(self) -> float:
        """Epochs of a trial on average."""

    def draw(self, chance: random.Random) -> int:
        """Epochs of the next one."""


@dataclass(frozen=True)
class Ladder:
    """The epochs of trials that successive halving stops.

    The mean is Li et al.'s 1 + (1 - 1/reduction) log_reduction(last/first) times the first rung,
    where the last one is the first times a power of ``reduction``.

    Attributes:
        rungs: epochs after which trials are stopped, rising; the last is the budget's.
        reduction: one of so many goes on past a rung.
    """

    rungs: tuple[int, ...]
    reduction: int

    @classmethod
    def of(cls, grace: int, epochs: int, reduction: int) -> "Ladder":
        """ASHA's, from its grace epochs up to ``epochs``."""
        rungs = [min(grace, epochs)]
        while rungs[-1] < epochs:
            rungs.append(min(rungs[-1] * reduction, epochs))
        return cls(tuple(rungs), reduction)

    @property
    def mean(self) -> float:
        """Epochs of a trial on average."""
        legs = zip((0, *self.rungs), self.rungs, strict=False)
        return sum(
            (top - foot) / float(self.reduction) ** rung for rung, (foot, top) in enumerate(legs)
        )

    def draw(self, chance: random.Random) -> int:
        """Epochs of the next one."""
        rung = 0
        while rung + 1 < len(self.rungs) and chance.random() < 1 / self.reduction:
            rung += 1
        return self.rungs[rung]


@dataclass(frozen=True)
class Spread:
    """How much epochs differ, as coefficients of variation.

    Attributes:
        trials: of the trials' mean epochs.
        epochs: of the epochs within a trial.
    """

    trials: float
    epochs: float


@dataclass(frozen=True)
class Workload:
    """What workers do.

    Attributes:
        epoch: mean seconds of an epoch.
        lengths: of the trials.
        spread: of the epochs' times.
        turnover: seconds between two trials of a worker beyond what the driver computes.
        ahead: whether a worker trains on while its report is with the driver.
    """

    epoch: float
    lengths: Lengths
    spread: Spread
    turnover: float = 0.0
    ahead: bool = True


@dataclass(frozen=True)
class Service:
    """What the driver does.

    Attributes:
        report: mean seconds a report.
        trial: mean seconds a trial, when it ends and the next begins.
        draw: a service time of the mean that is given; the mean itself by default.
    """

    report: float
    trial: float = 0.0
    draw: Draw = float


@dataclass(frozen=True)
class Simulated:
    """What came of it once it ran evenly.

    Attributes:
        throughput: reports a second.
        idle: share of the workers' time, in [0, 1], in which no epoch was trained that counts.
    """

    throughput: float
    idle: float


def simulate(
    workload: Workload, service: Service, workers: int, reports: int, seed: int = 0
) -> Simulated:
    """Let ``workers`` hand over ``reports`` in all; the first half is left out as its start.

    The driver takes them in the order in which they come. Where the last of a trial is handled the
    driver prepares the next trial too.
    """
    chance = random.Random(seed)
    crew = [_Worker(workload, chance) for _ in range(workers)]
    starts = (chance.random() * workload.epoch for _ in crew)
    coming = [
        (worker.begin(at), i) for i, (worker, at) in enumerate(zip(crew, starts, strict=True))
    ]
    heapq.heapify(coming)
    free = trained = half = 0.0
    for handled in range(reports):
        arrival, index = coming[0]
        worker = crew[index]
        trained += worker.epoch
        cost = service.report + (service.trial if worker.left == 0 else 0.0)
        free = max(arrival, free) + service.draw(cost)
        heapq.heapreplace(coming, (worker.after(arrival, free), index))
        if handled == reports // 2:
            half, trained = free, 0.0
    seconds, counted = free - half, reports - reports // 2 - 1
    return Simulated(counted / seconds, max(0.0, 1 - trained / (workers * seconds)))


class _Worker:
    """One worker: when it hands over its next report, given what became of the one before."""

    def __init__(self, workload: Workload, chance: random.Random) -> None:
        self._workload, self._chance = workload, chance
        self._mean = 0.0
        self.left = 0  # epochs of the trial after the one at hand
        self.epoch = 0.0  # seconds that the one at hand takes

    def begin(self, start: float) -> float:
        """When the first epoch of a new trial, begun at ``start``, has ended."""
        workload = self._workload
        self.left = workload.lengths.draw(self._chance)
        self._mean = _gamma(self._chance, workload.epoch, workload.spread.trials)
        return start + self._train()

    def after(self, arrival: float, answered: float) -> float:
        """When the report after the one that came at ``arrival`` is handed over."""
        if self.left == 0:
            return self.begin(answered + self._workload.turnover)
        if self._workload.ahead:  # the next epoch began as this one was handed over
            return max(arrival + self._train(), answered)
        return answered + self._train()

    def _train(self) -> float:
        self.left -= 1
        self.epoch = _gamma(self._chance, self._mean, self._workload.spread.epochs)
        return self.epoch


def _gamma(chance: random.Random, mean: float, variation: float) -> float:
    """A number of this mean and coefficient of variation; 1 gives the exponential distribution."""
    if variation == 0 or mean == 0:
        return mean
    shape = variation**-2
    return chance.gammavariate(shape, mean / shape)

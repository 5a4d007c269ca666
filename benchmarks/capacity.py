"""How many workers a driver of known costs feeds: on paper, and by simulation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from benchmarks.driver_costs import Costs, Rates
from benchmarks.driver_queue import Lengths, Service, Simulated, Spread, Workload, simulate
from benchmarks.machine_repairman import knee

EPOCHS = (0.1, 1.0, 10.0, 60.0)  # seconds
WORKERS = tuple(4**power for power in range(7))
FED = 0.95  # of what as many workers would train of whom each has a driver of its own
# Of the epochs of searches of six trials of gap5 on the embedded data, two at once on two cores.
SPREAD = Spread(trials=0.15, epochs=0.15)


@dataclass(frozen=True)
class System:
    """Workers and their driver.

    Attributes:
        costs: the driver's.
        epoch: mean seconds of an epoch.
        lengths: of the trials.
        alone: whether Tune's loop has the interpreter for itself, see ``Costs.report``.
        spread: of the epochs' times.
    """

    costs: Costs
    epoch: float
    lengths: Lengths
    alone: bool = False
    spread: Spread = SPREAD

    @property
    def think(self) -> float:
        """Seconds between two reports of a worker that waits for nobody."""
        return self.epoch + self.costs.turnover / self.lengths.mean

    def demand(self, workers: int) -> float:
        """Seconds that a report costs the driver of so many workers, its trial's share included."""
        return self.costs.demand(workers, self.lengths.mean, alone=self.alone)

    @property
    def saturation(self) -> int:
        """The most workers that the driver can keep up with, if all goes evenly."""
        return largest(lambda n: n <= max(1.0, knee(self.think, self.demand(n), ahead=True)))

    def simulated(self, workers: int, seed: int = 0) -> Simulated:
        """What ``workers`` do; 20,000 reports, or 40 of each."""
        return _simulated(self, workers, seed)

    def fed(self, seed: int = 0) -> int:
        """The most workers that train ``FED`` of what they would with a driver each."""
        one = self.simulated(1, seed).throughput
        return largest(lambda n: self.simulated(n, seed).throughput >= FED * n * one)


@cache
def _simulated(system: System, workers: int, seed: int) -> Simulated:
    costs = system.costs
    workload = Workload(system.epoch, system.lengths, system.spread, costs.turnover)
    service = Service(
        costs.report(workers, alone=system.alone), costs.trial(workers, alone=system.alone)
    )
    return simulate(workload, service, workers, max(20_000, 40 * workers), seed)


def largest(holds: Callable[[int], bool]) -> int:
    """The largest number from 1 on that ``holds``, where that is true of all below and of 1."""
    low, high = 1, 2
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@dataclass(frozen=True)
class Feeding:
    """How many workers a driver feeds, for epochs of one length.

    Attributes:
        epoch: mean seconds of an epoch.
        reports: a second, at the most, where so many workers as ``saturation`` are at work.
        saturation: on paper, where all that the driver computes is done in turns.
        saturation_alone: the same where Tune's loop has the interpreter for itself.
        fed: by simulation, in turns.
        fed_alone: by simulation, for itself.
    """

    epoch: float
    reports: float
    saturation: int
    saturation_alone: int
    fed: int
    fed_alone: int


def feeding(costs: Costs, lengths: Lengths, seed: int = 0) -> list[Feeding]:
    """How many workers the driver feeds, for each of ``EPOCHS``."""
    return [_feeding(System(costs, epoch, lengths), seed) for epoch in EPOCHS]


def _feeding(system: System, seed: int) -> Feeding:
    alone, workers = replace(system, alone=True), system.saturation
    return Feeding(
        system.epoch,
        1 / system.demand(workers),
        workers,
        alone.saturation,
        system.fed(seed),
        alone.fed(seed),
    )


def idleness(costs: Costs, lengths: Lengths, seed: int = 0) -> dict[int, list[Simulated]]:
    """For each of ``WORKERS``, what is simulated of each of ``EPOCHS``."""
    systems = [System(costs, epoch, lengths) for epoch in EPOCHS]
    return {n: [system.simulated(n, seed) for system in systems] for n in WORKERS}


@dataclass(frozen=True)
class Longer:
    """Trials of so many times the epochs of others."""

    lengths: Lengths
    times: int

    @property
    def mean(self) -> float:
        """Epochs of a trial on average."""
        return self.times * self.lengths.mean

    def draw(self, chance: Random) -> int:
        """Epochs of the next one."""
        return self.times * self.lengths.draw(chance)


def remedies(costs: Costs, lengths: Lengths, epoch: float, seed: int = 0) -> dict[str, int]:
    """Workers that are fed, by what is changed."""
    system = System(costs, epoch, lengths)
    unrecorded = replace(costs, ledger=Rates(0.0, 0.0, 0.0))
    return {
        "as it is": system.fed(seed),
        "epochs three times as long": replace(system, epoch=3 * epoch).fed(seed),
        "trials of three times as many epochs": replace(system, lengths=Longer(lengths, 3)).fed(
            seed
        ),
        "the records written by a process of their own": replace(system, costs=unrecorded).fed(
            seed
        ),
        "three searches side by side, a driver and a core each": 3 * system.fed(seed),
    }

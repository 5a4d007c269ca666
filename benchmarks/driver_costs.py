"""What a search's driver computes for a trial and for a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

PAUSE = 0.5  # seconds; search.records.mlflow_writer's, which imports MLflow


@dataclass(frozen=True)
class Sample:
    """What a search took from one moment to another.

    Attributes:
        epoch: seconds of its trials' epochs.
        trials: that ended.
        reports: that its trials handed over.
        seconds: of wall time.
        loop: seconds of CPU of the thread that runs Tune's loop and hears of every event.
        ledger: seconds of CPU of the thread that writes to MLflow.
        process: seconds of CPU of the whole process.
        steps: that Tune's loop took.
        turnover: median seconds between two trials of a worker.
    """

    epoch: float
    trials: int
    reports: int
    seconds: float
    loop: float
    ledger: float
    process: float
    steps: float
    turnover: float


@dataclass(frozen=True)
class Rates:
    """What of something goes with each trial, with each report, and with each second."""

    trial: float
    report: float
    second: float


def separate(
    samples: Sequence[Sample], of: Callable[[Sample], float], *, by_the_second: bool = True
) -> Rates:
    """The rates that explain best how much of something each sample took.

    Least squares, none below 0. Every sample counts by the share by which it is missed, so that the
    longest does not decide alone.

    Args:
        samples: three or more, of trials of several lengths and of epochs of several.
        of: how much a sample took.
        by_the_second: whether some of it may go with the time that passes.
    """
    passing = 1.0 if by_the_second else 0.0
    rows = np.array([(each.trials, each.reports, passing * each.seconds) for each in samples])
    taken = np.array([of(each) for each in samples])
    scale = np.maximum(taken, 1e-9)
    found, _ = nnls(rows / scale[:, None], taken / scale)
    return Rates(*(float(each) for each in found))


@dataclass(frozen=True)
class Costs:
    """What a driver needs.

    Attributes:
        loop: seconds of CPU of Tune's loop.
        ledger: seconds of CPU of the thread that writes to MLflow, where it keeps up.
        rest: seconds of CPU of all other threads.
        steps: of Tune's loop.
        poll: seconds by which a step takes longer for each trial under way.
        turnover: seconds that a worker waits between two trials beyond what the driver computes.
    """

    loop: Rates
    ledger: Rates
    rest: Rates
    steps: Rates
    poll: float
    turnover: float

    @classmethod
    def of(cls, samples: Sequence[Sample], poll: float) -> "Costs":
        """What the samples tell.

        The ledger writes what has come of a trial within its pause in one batch, and a batch is
        what costs it time. So only trials tell what it takes to keep up whose epochs last longer.
        Tune's loop looks about ten times a second when nothing happens, which a busy one does not.
        """
        slow = [each for each in samples if each.epoch >= PAUSE]
        loop = separate(samples, lambda each: each.loop)
        waited = min(each.turnover for each in samples)
        return cls(
            loop,
            separate(slow, lambda each: each.ledger, by_the_second=False),
            separate(samples, lambda each: each.process - each.loop - each.ledger),
            separate(samples, lambda each: each.steps),
            poll,
            max(0.0, waited - loop.trial - loop.report),
        )

    def report(self, workers: int, *, alone: bool = False) -> float:
        """Seconds that a report costs the driver, so many trials being under way.

        Args:
            workers: trials under way.
            alone: whether Tune's loop has the interpreter for itself, the other threads never
                holding it up; else all that the process computes is done in turns, and the records
                keep up.
        """
        cpu = sum(each.report for each in self._parts(alone))
        return cpu + self.steps.report * self.poll * workers

    def trial(self, workers: int, *, alone: bool = False) -> float:
        """The same of a trial, beside its reports."""
        cpu = sum(each.trial for each in self._parts(alone))
        return cpu + self.steps.trial * self.poll * workers

    def demand(self, workers: int, epochs: float, *, alone: bool = False) -> float:
        """The same of a report with its trial's share, where a trial has so many epochs."""
        return self.report(workers, alone=alone) + self.trial(workers, alone=alone) / epochs

    def _parts(self, alone: bool) -> tuple[Rates, ...]:
        return (self.loop,) if alone else (self.loop, self.ledger, self.rest)

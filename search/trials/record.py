"""The record of a trial: its spec and its present state."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from search.trials.spec import TrialSpec
from trainables.best_epoch import ACCURACY, figure_of, improves
from trainables.recipe import Value


class Status(StrEnum):
    """The status of a trial."""

    RUNNING = "running"
    COMPLETED = "completed"  # trained to the end of its budget
    PRUNED = "pruned"  # stopped early by the scheduler
    FAILED = "failed"  # raised an error, or lost its worker
    INTERRUPTED = "interrupted"  # its search ended before it; a resumed search continues it

    @property
    def is_final(self) -> bool:
        """True if nothing is left to train."""
        return self in (Status.COMPLETED, Status.PRUNED, Status.FAILED)

    @property
    def may_win(self) -> bool:
        """True for a trial that ended without a failure."""
        return self in (Status.COMPLETED, Status.PRUNED)


@dataclass(frozen=True)
class TrialRecord:
    """The present state of a trial.

    Attributes:
        spec: the trial's setting and its place in the search.
        trial_id: Ray Tune's id of the trial.
        status: status of the trial.
        epochs: number of epochs done.
        best_epoch: the first epoch with the highest score; 0 before the first epoch.
        best: metrics of the best epoch.
        last: metrics of the last epoch.
        started: time of the start, in seconds since 1970.
        at: time of the last event, in seconds since 1970.
        error: why the trial failed, in one line; empty if it did not.
    """

    spec: TrialSpec
    trial_id: str
    status: Status = Status.RUNNING
    epochs: int = 0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    at: float = 0.0
    error: str = ""

    @property
    def number(self) -> int:
        """The trial's position in the order of suggestion, from 0."""
        return self.spec.number

    @property
    def is_void(self) -> bool:
        """True if it was interrupted before its first epoch ended."""
        return self.status is Status.INTERRUPTED and not self.epochs

    @property
    def label(self) -> str:
        """The trial's name in tables and records."""
        return self.spec.name

    @property
    def values(self) -> dict[str, Value]:
        """The flat values that were chosen."""
        return self.spec.values

    @property
    def best_score(self) -> float:
        """The score: the best epoch's value of the search's metric; -1 before the first epoch."""
        return self.best.get(self.spec.job.figure, -1.0)

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch; -1 before the first epoch."""
        return self.best.get(figure_of(ACCURACY), -1.0)

    @property
    def judged(self) -> dict[str, float]:
        """The best epoch's score and accuracy, by the names of the metrics."""
        names = self.spec.job.figure, figure_of(ACCURACY)
        return {name: self.best[name] for name in names if name in self.best}

    @property
    def epoch_seconds(self) -> float:
        """The duration of the last epoch in seconds; 0 if it is not known."""
        return self.last.get("epoch_seconds", 0.0)

    @property
    def rank(self) -> tuple[float, int]:
        """A sort key: the best trial first, and among equals the first suggested."""
        return -self.best_score, self.number

    def after(self, epoch: int, metrics: dict[str, float], at: float = 0.0) -> "TrialRecord":
        """The record after ``epoch`` ended with ``metrics`` at the time ``at``."""
        record = replace(self, epochs=epoch, last=metrics, at=at)
        if improves(metrics, self.best, self.spec.job.metric):
            record = replace(record, best_epoch=epoch, best=metrics)
        return record

    def ended(self, max_epochs: int, at: float) -> "TrialRecord":
        """The record after an end without failure: completed, or pruned before the last epoch."""
        whole = self.epochs >= max_epochs
        return replace(self, status=Status.COMPLETED if whole else Status.PRUNED, at=at)

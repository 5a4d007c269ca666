"""A trial so far: what it was asked to train, and how it stands."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from search.trials.spec import TrialSpec
from trainables.best_epoch import ACCURACY, figure_of, improves
from trainables.recipe import Value


class Status(StrEnum):
    """How a trial stands."""

    RUNNING = "running"
    COMPLETED = "completed"  # trained to the end of its budget
    PRUNED = "pruned"  # stopped early by the scheduler
    FAILED = "failed"  # raised an error, or lost its worker
    INTERRUPTED = "interrupted"  # its search ended before it; a resumed search trains it further

    @property
    def is_final(self) -> bool:
        """True if nothing is left to train."""
        return self in (Status.COMPLETED, Status.PRUNED, Status.FAILED)

    @property
    def may_win(self) -> bool:
        """True for a trial that ended as it should."""
        return self in (Status.COMPLETED, Status.PRUNED)


@dataclass(frozen=True)
class TrialRecord:
    """One trial so far.

    Attributes:
        spec: what it was asked to train.
        trial_id: Ray Tune's.
        status: how it stands.
        epochs: epochs done.
        best_epoch: the first epoch with the highest score; 0 before any.
        best: the figures of that epoch.
        last: the figures of the last epoch.
        started: time of its start, seconds since 1970.
        at: time of the last event, seconds since 1970.
        error: why it failed, in one line.
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
        """Its place in the order of suggestion."""
        return self.spec.number

    @property
    def is_void(self) -> bool:
        """True if it was interrupted before it had anything to show."""
        return self.status is Status.INTERRUPTED and not self.epochs

    @property
    def label(self) -> str:
        """Its name in tables and records."""
        return self.spec.name

    @property
    def values(self) -> dict[str, Value]:
        """The flat values that were chosen."""
        return self.spec.values

    @property
    def best_score(self) -> float:
        """What it is judged by: the best epoch's figure of its search's metric; -1 before any."""
        return self.best.get(self.spec.job.figure, -1.0)

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch; -1 before any."""
        return self.best.get(figure_of(ACCURACY), -1.0)

    @property
    def judged(self) -> dict[str, float]:
        """The best epoch's score and its accuracy, by the names of the figures."""
        names = self.spec.job.figure, figure_of(ACCURACY)
        return {name: self.best[name] for name in names if name in self.best}

    @property
    def epoch_seconds(self) -> float:
        """What its last epoch took; 0 if that is not known."""
        return self.last.get("epoch_seconds", 0.0)

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts trials, the best first; of equals the one that was suggested first."""
        return -self.best_score, self.number

    def after(self, epoch: int, metrics: dict[str, float], at: float = 0.0) -> "TrialRecord":
        """The record once ``epoch`` ended with ``metrics``, at the time ``at``."""
        record = replace(self, epochs=epoch, last=metrics, at=at)
        if improves(metrics, self.best, self.spec.job.metric):
            record = replace(record, best_epoch=epoch, best=metrics)
        return record

    def ended(self, max_epochs: int, at: float) -> "TrialRecord":
        """The record of a trial that ended as it should: completed, or pruned before the budget."""
        whole = self.epochs >= max_epochs
        return replace(self, status=Status.COMPLETED if whole else Status.PRUNED, at=at)

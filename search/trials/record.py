"""One trial so far."""

from dataclasses import dataclass, field, replace
from typing import Literal

from trainables.recipe import Value

BASELINE = "baseline"
Status = Literal["running", "completed", "pruned", "failed", "interrupted"]


@dataclass(frozen=True)
class TrialRecord:
    """One trial so far.

    Attributes:
        trial_id: Ray Tune's.
        number: order of suggestion; a search's 0 is its baseline.
        values: what was chosen.
        label: what it is called; its number if it has no name.
        stream: which of the search's seeds it is trained with; None for one of its own.
        repeats: number of the trial whose setting a finalist's training repeats; else None.
        status: how it stands.
        epochs: epochs done.
        best_epoch: the first epoch with the highest validation accuracy; 0 before any.
        best: the figures of that epoch.
        last: the figures of the last epoch.
        started: time of its start, seconds since 1970.
        at: time of the last event, seconds since 1970.
        error: why it failed, in one line.
    """

    trial_id: str
    number: int
    values: dict[str, Value]
    label: str
    stream: int | None = None
    repeats: int | None = None
    status: Status = "running"
    epochs: int = 0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    at: float = 0.0
    error: str = ""

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch; -1 before any."""
        return self.best.get("val_accuracy", -1.0)

    @property
    def setting(self) -> frozenset[tuple[str, Value]]:
        """What was chosen; equal for trials that differ by their seeds alone."""
        return frozenset(self.values.items())

    def after(self, epoch: int, metrics: dict[str, float], at: float = 0.0) -> "TrialRecord":
        """The record once ``epoch`` ended with ``metrics``, at the time ``at``."""
        record = replace(self, epochs=epoch, last=metrics, at=at)
        if metrics["val_accuracy"] > self.best_accuracy:
            record = replace(record, best_epoch=epoch, best=metrics)
        return record


METRIC = "val_accuracy"

"""How every trial of a search stands, and which is best."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

from trainables.data.batches import images_per_epoch
from trainables.recipe import Recipe, Value

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
        status: how it stands.
        epochs: epochs done.
        best_epoch: the first epoch with the highest validation accuracy; 0 before any.
        best: the figures of that epoch.
        last: the figures of the last epoch.
        started: time of its start, seconds since 1970.
        error: why it failed, in one line.
    """

    trial_id: str
    number: int
    values: dict[str, Value]
    label: str
    stream: int | None = None
    status: Status = "running"
    epochs: int = 0
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    error: str = ""

    @property
    def best_accuracy(self) -> float:
        """Validation accuracy of the best epoch; -1 before any."""
        return self.best.get("val_accuracy", -1.0)

    def after(self, epoch: int, metrics: dict[str, float]) -> "TrialRecord":
        """The record once ``epoch`` ended with ``metrics``."""
        record = replace(self, epochs=epoch, last=metrics)
        if metrics["val_accuracy"] > self.best_accuracy:
            record = replace(record, best_epoch=epoch, best=metrics)
        return record


class Scoreboard:
    """The trials of one search. Safe to read from other threads than the one that writes.

    Args:
        requested: trials that the search was asked for.
        epochs: the most that one trial trains.
        train_images: images of an epoch.
    """

    def __init__(self, requested: int, epochs: int, train_images: int) -> None:
        self.requested, self.max_epochs, self.train_images = requested, epochs, train_images
        self._records: dict[str, TrialRecord] = {}
        self._lock = threading.Lock()
        self._begun = time.monotonic()

    @property
    def records(self) -> list[TrialRecord]:
        """All trials in the order of their numbers."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.number)

    @property
    def seconds(self) -> float:
        """Wall time since the board was made."""
        return time.monotonic() - self._begun

    def started(
        self,
        trial_id: str,
        number: int,
        values: dict[str, Value],
        label: str = "",
        stream: int | None = None,
    ) -> TrialRecord:
        """A trial began, or begins again."""
        known, label = self._records.get(trial_id), label or str(number)
        fresh = TrialRecord(trial_id, number, values, label, stream, started=time.time())
        return self._put(replace(known, status="running") if known else fresh)

    def knows(self, trial_id: str) -> bool:
        """True if the trial has begun."""
        return trial_id in self._records

    def reported(self, trial_id: str, epoch: int, metrics: dict[str, float]) -> TrialRecord:
        """An epoch of a trial ended."""
        return self._put(self._records[trial_id].after(epoch, metrics))

    def ended(self, trial_id: str) -> TrialRecord:
        """A trial ended as it should: completed at the full budget, else pruned."""
        record = self._records[trial_id]
        status: Status = "completed" if record.epochs >= self.max_epochs else "pruned"
        return self._put(replace(record, status=status))

    def failed(self, trial_id: str, error: str) -> TrialRecord:
        """A trial raised, or its worker died."""
        return self._put(replace(self._records[trial_id], status="failed", error=error))

    def interrupt(self) -> list[TrialRecord]:
        """The trials that still run, marked as interrupted."""
        running = [record for record in self.records if record.status == "running"]
        return [self._put(replace(record, status="interrupted")) for record in running]

    def count(self, status: Status) -> int:
        """Trials of a status."""
        return Counter(record.status for record in self.records)[status]

    @property
    def finished(self) -> int:
        """Trials that ended, in whatever way."""
        return sum(record.status in ("completed", "pruned", "failed") for record in self.records)

    @property
    def epochs(self) -> int:
        """Epochs done by all trials together."""
        return sum(record.epochs for record in self.records)

    @property
    def images(self) -> int:
        """Training images seen by all trials together."""
        return sum(
            record.epochs * images_per_epoch(self.train_images, _batch_size(record))
            for record in self.records
        )

    def best(self, *, with_running: bool = False) -> TrialRecord | None:
        """The completed or pruned trial with the best epoch; of equals the one suggested first.

        A failed or interrupted trial is never best. None where there is no trial to choose.
        """
        allowed = {"completed", "pruned"} | ({"running"} if with_running else set())
        candidates = [r for r in self.records if r.status in allowed and r.best_epoch > 0]
        return max(candidates, key=lambda record: record.best_accuracy, default=None)

    def baseline(self) -> TrialRecord | None:
        """The trial that is labelled so, once it has begun."""
        return next((record for record in self.records if record.label == BASELINE), None)

    def seconds_left(self) -> float | None:
        """A guess from the epochs that finished trials took and the pace so far; None at first."""
        ended = [r.epochs for r in self.records if r.status in ("completed", "pruned")]
        if not ended or not self.epochs:
            return None
        average = sum(ended) / len(ended)
        under_way = sum(max(average - r.epochs, 0.5) for r in self.records if r.status == "running")
        to_start = max(0, self.requested - len(self.records)) * average
        return (under_way + to_start) * self.seconds / self.epochs

    def _put(self, record: TrialRecord) -> TrialRecord:
        with self._lock:
            self._records[record.trial_id] = record
        return record


def _batch_size(record: TrialRecord) -> int:
    return int(record.values.get("batch_size", Recipe().batch_size))

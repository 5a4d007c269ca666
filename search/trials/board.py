"""The state of a list of trials, and the best of them."""

import threading
import time
from collections import Counter
from dataclasses import replace

from search.trials.record import Status, TrialRecord
from search.trials.spec import TrialSpec
from trainables.data.batches import images_per_epoch
from trainables.recipe import Recipe

_USUAL_BATCH = Recipe().batch_size


class TrialBoard:
    """The trials of a search, or of its finals. Other threads may read it.

    Sums and the best trial are updated with each record, so that an event costs the same after
    10,000 trials as after ten.

    Args:
        requested: number of trials that were asked for.
        epochs: maximum number of epochs of a trial.
        train_images: number of images of an epoch.
    """

    def __init__(self, requested: int, epochs: int, train_images: int) -> None:
        self.requested, self.max_epochs, self.train_images = requested, epochs, train_images
        self._records: dict[str, TrialRecord] = {}
        self._running: dict[str, TrialRecord] = {}
        # Create all keys at once, as other threads may iterate.
        self._counts: Counter[Status] = Counter(dict.fromkeys(Status, 0))
        self._epochs: Counter[Status] = Counter(dict.fromkeys(Status, 0))
        self._images, self._seconds = 0, 0.0
        self._best: TrialRecord | None = None
        self._baseline = ""
        self._lock = threading.Lock()
        self.closed = False  # no more trials begin

    @property
    def records(self) -> list[TrialRecord]:
        """All trials in the order of their numbers."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.number)

    @property
    def running(self) -> list[TrialRecord]:
        """The running trials in the order of their numbers."""
        with self._lock:
            return sorted(self._running.values(), key=lambda record: record.number)

    @property
    def begun(self) -> int:
        """The number of trials that have begun."""
        return len(self._records)

    @property
    def finished(self) -> int:
        """The number of trials that have ended, also by failing."""
        return sum(self._counts[status] for status in Status if status.is_final)

    @property
    def is_whole(self) -> bool:
        """True if every trial has ended; after closing, if every one with an epoch has."""
        return self.finished >= self.requested or (
            self.closed and all(each.status.is_final or each.is_void for each in self.records)
        )

    @property
    def epochs(self) -> int:
        """The number of epochs of all trials together."""
        return self._epochs.total()

    @property
    def images(self) -> int:
        """The number of training images that all trials together have seen."""
        return self._images

    @property
    def seconds(self) -> float:
        """The seconds of all epochs, if each took as long as its trial's last one."""
        return self._seconds

    def average_epochs(self) -> float | None:
        """The average number of epochs of the trials that may win; None before the first one."""
        ended = sum(self._counts[status] for status in Status if status.may_win)
        epochs = sum(self._epochs[status] for status in Status if status.may_win)
        return epochs / ended if ended else None

    def count(self, status: Status) -> int:
        """The number of trials with a status."""
        return self._counts[status]

    def knows(self, trial_id: str) -> bool:
        """True if the trial has begun."""
        return trial_id in self._records

    def record(self, trial_id: str) -> TrialRecord:
        """The record of a trial."""
        return self._records[trial_id]

    def started(self, trial_id: str, spec: TrialSpec) -> TrialRecord:
        """A trial began or resumed; its record."""
        now = time.time()
        if self.knows(trial_id):
            return self.put(replace(self.record(trial_id), status=Status.RUNNING, at=now))
        return self.put(TrialRecord(spec, trial_id, started=now, at=now))

    def reported(
        self, trial_id: str, epoch: int, metrics: dict[str, float], ago: float = 0.0
    ) -> TrialRecord:
        """An epoch of a trial ended ``ago`` seconds before, but after its last event."""
        record = self.record(trial_id)
        return self.put(record.after(epoch, metrics, max(time.time() - ago, record.at)))

    def ended(self, trial_id: str) -> TrialRecord:
        """A trial ended without a failure."""
        return self.put(self.record(trial_id).ended(self.max_epochs, time.time()))

    def failed(self, trial_id: str, error: str) -> TrialRecord:
        """A trial raised an error, or its worker died."""
        record = self.record(trial_id)
        return self.put(replace(record, status=Status.FAILED, error=error, at=time.time()))

    def interrupt(self) -> list[TrialRecord]:
        """The trials that still run, marked as interrupted."""
        now = time.time()
        return [self.put(replace(r, status=Status.INTERRUPTED, at=now)) for r in self.running]

    def best(self, *, with_running: bool = False) -> TrialRecord | None:
        """The trial with the best epoch among those that may win; None if there is none.

        A failed or interrupted trial is never the best.
        """
        candidates = [self._best] if self._best else []
        if with_running:
            candidates += [record for record in self.running if record.best_epoch]
        return min(candidates, key=lambda record: record.rank, default=None)

    def baseline(self) -> TrialRecord | None:
        """The trial of the source's own settings, once it has begun."""
        return self._records.get(self._baseline)

    def put(self, record: TrialRecord) -> TrialRecord:
        """Replace the record of a trial."""
        with self._lock:
            previous = self._records.get(record.trial_id)
            self._records[record.trial_id] = record
            if previous is not None:
                self._add(previous, -1)
            self._add(record, 1)
            self._running.pop(record.trial_id, None)
            if record.status is Status.RUNNING:
                self._running[record.trial_id] = record
            if record.spec.is_baseline:
                self._baseline = record.trial_id
            self._choose(record)
        return record

    def _add(self, record: TrialRecord, sign: int) -> None:
        self._counts[record.status] += sign
        self._epochs[record.status] += sign * record.epochs
        images = images_per_epoch(self.train_images, _batch_size(record))
        self._images += sign * record.epochs * images
        self._seconds += sign * record.epochs * record.epoch_seconds

    def _choose(self, changed: TrialRecord) -> None:
        """Update the best ended trial after a change of one trial."""
        was_best = self._best is not None and self._best.trial_id == changed.trial_id
        candidates = list(self._records.values()) if was_best else [self._best, changed]
        allowed = [r for r in candidates if r and r.status.may_win and r.best_epoch]
        self._best = min(allowed, key=lambda record: record.rank, default=None)


def _batch_size(record: TrialRecord) -> int:
    return int(record.values.get("batch_size", _USUAL_BATCH))

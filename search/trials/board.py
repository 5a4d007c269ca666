"""How every trial of a search stands, and which is best."""

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import get_args

from search.trials.record import BASELINE, Status, TrialRecord
from trainables.data.batches import images_per_epoch
from trainables.recipe import Recipe, Value

_USUAL_BATCH = Recipe().batch_size
_CHOOSABLE: tuple[Status, ...] = ("completed", "pruned")
_ENDED: tuple[Status, ...] = (*_CHOOSABLE, "failed")


class TrialBoard:
    """The trials of one search. Safe to read from other threads than the one that writes.

    Finalists' trainings stand beside the trials: they are not counted among them, and neither the
    best trial nor the baseline is one of them.

    Sums and the best trial are kept up to date as records come, so that an event costs the same
    after 10,000 trials as after ten.

    Args:
        requested: trials that the search was asked for, without finalists' trainings.
        epochs: the most that one trial trains.
        train_images: images of an epoch.
        before: seconds that the search had taken before it was interrupted.
        finalists: settings that are trained again once all trials have ended, at the most.
        seeds: how often each of them is.
    """

    def __init__(
        self,
        requested: int,
        epochs: int,
        train_images: int,
        before: float = 0.0,
        finalists: int = 0,
        seeds: int = 0,
    ) -> None:
        self.requested, self.max_epochs, self.train_images = requested, epochs, train_images
        self._finalists, self._seeds = finalists, seeds
        self._records: dict[str, TrialRecord] = {}
        self._finals: dict[str, TrialRecord] = {}
        self._running: dict[str, TrialRecord] = {}
        # All keys at once: other threads may iterate.
        self._counts: Counter[Status] = Counter(dict.fromkeys(get_args(Status), 0))
        self._epochs: Counter[Status] = Counter(dict.fromkeys(get_args(Status), 0))
        self._settings: Counter[frozenset[tuple[str, Value]]] = Counter()  # of the choosable
        self._final_epochs = 0
        self._images = 0
        self._best: TrialRecord | None = None
        self._baseline = ""
        self._lock = threading.Lock()
        self._begun, self._stopped = time.monotonic() - before, 0.0

    @property
    def records(self) -> list[TrialRecord]:
        """All trials in the order of their numbers."""
        with self._lock:
            return sorted(self._records.values(), key=lambda record: record.number)

    @property
    def finals(self) -> list[TrialRecord]:
        """The finalists' trainings in the order of their numbers."""
        with self._lock:
            return sorted(self._finals.values(), key=lambda record: record.number)

    @property
    def finals_due(self) -> int:
        """Finalists' trainings that there are to be; known once all trials have ended."""
        return min(self._finalists, len(self._settings)) * self._seeds

    @property
    def finals_ended(self) -> int:
        """Finalists' trainings that ended, in whatever way."""
        return sum(record.status in _ENDED for record in self.finals)

    @property
    def is_whole(self) -> bool:
        """True if every trial, and every finalist's training, has ended."""
        return self.finished >= self.requested and self.finals_ended >= self.finals_due

    @property
    def seconds(self) -> float:
        """Wall time that the search has taken."""
        return (self._stopped or time.monotonic()) - self._begun

    def stop_clock(self) -> None:
        """Let no more time count; nothing if it has stopped."""
        self._stopped = self._stopped or time.monotonic()

    @property
    def last_event(self) -> float:
        """Time of the last event, seconds since 1970; 0 before any."""
        return max((record.at for record in (*self.records, *self.finals)), default=0.0)

    def started(
        self,
        trial_id: str,
        number: int,
        values: dict[str, Value],
        label: str = "",
        stream: int | None = None,
        repeats: int | None = None,
    ) -> TrialRecord:
        """A trial began, or goes on."""
        now = time.time()
        if self.knows(trial_id):
            return self._put(replace(self.record(trial_id), status="running", at=now))
        begun = TrialRecord(trial_id, number, values, label or str(number), stream, repeats)
        return self._put(replace(begun, started=now, at=now))

    def recall(self, record: TrialRecord) -> None:
        """Put a trial in that was under way or had ended before the search was interrupted."""
        self._put(record)

    def knows(self, trial_id: str) -> bool:
        """True if the trial has begun."""
        return trial_id in self._records or trial_id in self._finals

    def reported(self, trial_id: str, epoch: int, metrics: dict[str, float]) -> TrialRecord:
        """An epoch of a trial ended."""
        return self._put(self.record(trial_id).after(epoch, metrics, time.time()))

    def record(self, trial_id: str) -> TrialRecord:
        """How a trial stands."""
        return self._records.get(trial_id) or self._finals[trial_id]

    def ended(self, trial_id: str) -> TrialRecord:
        """A trial ended as it should: completed at the full budget, else pruned."""
        record = self.record(trial_id)
        status: Status = "completed" if record.epochs >= self.max_epochs else "pruned"
        return self._put(replace(record, status=status, at=time.time()))

    def failed(self, trial_id: str, error: str) -> TrialRecord:
        """A trial raised, or its worker died."""
        record = self.record(trial_id)
        return self._put(replace(record, status="failed", error=error, at=time.time()))

    def interrupt(self) -> list[TrialRecord]:
        """The trials that still run, marked as interrupted."""
        now = time.time()
        return [
            self._put(replace(record, status="interrupted", at=now)) for record in self._under_way()
        ]

    def count(self, status: Status) -> int:
        """Trials of a status."""
        return self._counts[status]

    @property
    def any_failed(self) -> bool:
        """True if a trial or a finalist's training failed."""
        return any(r.status == "failed" for r in self.finals) or self._counts["failed"] > 0

    @property
    def finished(self) -> int:
        """Trials that ended, in whatever way."""
        return sum(self._counts[status] for status in _ENDED)

    @property
    def epochs(self) -> int:
        """Epochs done by all trials and finalists' trainings together."""
        return self._epochs.total() + self._final_epochs

    @property
    def images(self) -> int:
        """Training images seen by all of them together."""
        return self._images

    def best(self, *, with_running: bool = False) -> TrialRecord | None:
        """The completed or pruned trial with the best epoch; of equals the one suggested first.

        A failed or interrupted trial is never best. None where there is no trial to choose.
        """
        candidates = [self._best] if self._best else []
        if with_running:
            under_way = self._under_way()
            candidates += [r for r in under_way if r.best_epoch and r.repeats is None]
        return max(candidates, key=_merit, default=None)

    def baseline(self) -> TrialRecord | None:
        """The trial that is labelled so, once it has begun."""
        return self._records.get(self._baseline)

    def seconds_left(self) -> float | None:
        """A guess from the epochs that finished trials took and the pace so far; None at first."""
        ended = sum(self._counts[status] for status in _CHOOSABLE)
        if not ended or not self.epochs:
            return None
        average = sum(self._epochs[status] for status in _CHOOSABLE) / ended
        trials = [record for record in self._under_way() if record.repeats is None]
        under_way = sum(max(average - record.epochs, 0.5) for record in trials)
        to_start = max(0, self.requested - len(self._records)) * average
        again = min(self._finalists, self.requested) * self._seeds * self.max_epochs
        left = under_way + to_start + max(0, again - self._final_epochs)
        return left * self.seconds / self.epochs

    def _under_way(self) -> list[TrialRecord]:
        """The trials that run, in the order of their numbers."""
        with self._lock:
            return sorted(self._running.values(), key=lambda record: record.number)

    def _put(self, record: TrialRecord) -> TrialRecord:
        with self._lock:
            among = self._records if record.repeats is None else self._finals
            before = among.get(record.trial_id)
            among[record.trial_id] = record
            if before is not None:
                self._add(before, -1)
            self._add(record, 1)
            self._running.pop(record.trial_id, None)
            if record.status == "running":
                self._running[record.trial_id] = record
            if record.label == BASELINE:
                self._baseline = record.trial_id
            if record.repeats is None:
                self._choose(record)
        return record

    def _add(self, record: TrialRecord, sign: int) -> None:
        if record.repeats is None:
            self._counts[record.status] += sign
            self._epochs[record.status] += sign * record.epochs
            if record.status in _CHOOSABLE:
                self._settings[record.setting] += sign
                if not self._settings[record.setting]:
                    del self._settings[record.setting]
        else:
            self._final_epochs += sign * record.epochs
        images = images_per_epoch(self.train_images, _batch_size(record))
        self._images += sign * record.epochs * images

    def _choose(self, changed: TrialRecord) -> None:
        """Keep the best of the trials that ended, now that one of all has changed."""
        again = self._best is not None and self._best.trial_id == changed.trial_id
        candidates = list(self._records.values()) if again else [self._best, changed]
        allowed = [r for r in candidates if r and r.status in _CHOOSABLE and r.best_epoch]
        self._best = max(allowed, key=_merit, default=None)


def _merit(record: TrialRecord) -> tuple[float, int]:
    """Larger for the better of two trials."""
    return record.best_accuracy, -record.number


def _batch_size(record: TrialRecord) -> int:
    return int(record.values.get("batch_size", _USUAL_BATCH))

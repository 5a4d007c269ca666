"""Passes Ray Tune's callbacks to the record on disk, the board and the listeners of a search."""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial

from search.trials.board import TrialBoard
from search.trials.checkpoints import epochs_of
from search.trials.failure import (
    FAILED,
    HALT,
    ROOM,
    TRACE,
    failure,
    lost_reason,
    obstacle,
    remedy_of,
)
from search.trials.files import TrialFiles, metrics_of
from search.trials.record import TrialRecord
from search.trials.spec import TrialSpec


class TrialListener(Protocol):
    """A listener to a search's events. It is called on the search's thread and must not block.

    Methods that a listener does not define do nothing.
    """

    def trial_started(self, record: TrialRecord) -> None:
        """A trial began."""
        return

    def epoch_ended(self, record: TrialRecord) -> None:
        """A trial finished an epoch; ``record.last`` holds its metrics."""
        return

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial completed, was pruned, or failed."""
        return


class Events(Callback):  # type: ignore[misc]
    """Tune's callback: updates the board and passes every event on.

    A report may hold several epochs; each is passed on. Known epochs are skipped: after its worker
    or the driver died, a trial repeats those after its last whole checkpoint. If the disk cannot be
    written to, no trial fails: ``halt`` is called, and the trials can be resumed later.

    Args:
        board: the state of the trials.
        listeners: called for every event.
        files: writes the trials' files, before any listener is called.
        halt: stops the search; called with the reason in one line.
    """

    def __init__(
        self,
        board: TrialBoard,
        listeners: list[TrialListener],
        files: TrialFiles,
        halt: Callable[[str], object] = lambda reason: None,
    ) -> None:
        self._board, self._listeners = board, listeners
        self._files, self._halt = files, halt

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its callbacks, threads and locks cannot be pickled, nothing reads the copy.
        return Callback, ()

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Tune started or restarted a trial."""
        record = self._board.started(trial.trial_id, TrialSpec.from_config(trial.config))
        self._write(self._files.started, record)
        for listener in self._listeners:
            listener.trial_started(record)

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **_: Any,
    ) -> None:
        """A trial reported epochs, or that it failed."""
        known, epochs = self._board.record(trial.trial_id).epochs, epochs_of(result)
        for epoch, ago in zip(epochs, _ages(epochs), strict=True):
            number = int(epoch["epoch"])
            if number <= known:  # also after a failure, which is reported as epoch 0
                continue
            record = self._board.reported(trial.trial_id, number, metrics_of(epoch), ago)
            self._write(self._files.reported, record, epoch)
            for listener in self._listeners:
                listener.epoch_ended(record)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial ended: it was trained to the end, was stopped by the scheduler, or failed."""
        failed = failure(trial)
        if failed is None:
            self._end(self._board.ended(trial.trial_id))
        elif remedy := failed[HALT] or obstacle(self._files.search)[1]:
            self._halt(f"{failed[FAILED]}; {remedy}")
        else:
            record = self._board.failed(trial.trial_id, failed[FAILED])
            self._write(self._files.traced, record, failed[TRACE])
            self._end(record)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial's worker died too often, perhaps before the trial began."""
        if not self._board.knows(trial.trial_id):
            self.on_trial_start(iteration, trials, trial)
        cause, remedy = obstacle(self._files.search)
        if remedy:
            self._halt(f"{cause}: {lost_reason(trial)}; {remedy}")
        else:
            self._end(self._board.failed(trial.trial_id, lost_reason(trial)))

    def _end(self, record: TrialRecord) -> None:
        self._write(self._files.changed, record)
        for listener in self._listeners:
            listener.trial_ended(record)

    def _write(self, write: Callable[..., object], *content: object) -> None:
        """Write to the record. Epochs that do not fit on the disk are trained again later."""
        try:
            write(*content)
        except OSError as error:
            place = error.filename or "the search folder"
            remedy = remedy_of(error) or obstacle(self._files.search)[1] or ROOM
            self._halt(f"{error.strerror or error}: {place}; {remedy}")


def _ages(epochs: list[dict[str, Any]]) -> list[float]:
    """For each of ``epochs``, the seconds from its end to the end of the last one."""
    later = (epoch.get("epoch_seconds", 0.0) for epoch in epochs[:0:-1])
    return [*accumulate(later, initial=0.0)][::-1]

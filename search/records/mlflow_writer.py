"""MLflow's runs as a projection of the trials' files, which a thread of the driver keeps current.

The files are the record. ``project`` writes what a trial's files hold and the store lacks. The live
search, the catching up after an outage and ``search.reconcile`` all run this one function for the
trials that changed. Trials never wait for the store: an event marks its trial, and every half
second a pass writes the marked trials, each in one batch.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from search.records.mlflow_runs import MlflowRuns
from search.records.shell import command
from search.records.tracking import settle
from search.trials.files import TrialHistory, folder_name, read_history
from search.trials.record import TrialRecord
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.boundary.wording import counted

_T = TypeVar("_T")
PAUSE = 0.5  # seconds between two passes, to write more at once
MAX_PAUSE = 15.0  # maximum seconds between two attempts to reach a silent store
PATIENCE = 5.0  # seconds in total that the end of a search waits for a silent store


def project(
    runs: MlflowRuns,
    folder: Path,
    before: TrialHistory | None,
    refused: Callable[[Exception], object],
    *,
    closing: bool = False,
) -> TrialHistory | None:
    """Write what the files of a trial hold and ``runs`` lack; the history read, or None.

    Args:
        runs: the MLflow runs of the search.
        folder: the trial's folder.
        before: the history that was written last; None writes everything.
        refused: called with the error if the store accepts only a part.
        closing: the driver is about to end, or dead: record a running trial as interrupted.
    """
    history = read_history(folder, before)
    if history is None:
        return None
    shown = history.closed() if closing else history
    runs.write(shown, before.record if before else None, refused)
    return replace(shown, steps=())


class MlflowWriter:
    """A listener that keeps MLflow's runs of a search current.

    A write that fails does not stop the search; ``errors`` lists what went wrong.

    Args:
        runs: the MLflow runs of the search.
        search: the search's folder, with its trials' files.
    """

    def __init__(self, runs: MlflowRuns, search: Path) -> None:
        self.runs, self._search = runs, search
        self._silent, self._patience = False, PATIENCE
        # Whether the store was ever silent, and whether a write was lost because of it.
        self._was_silent, self._missed = False, False
        # The trials' histories as written last, by their folders.
        self._unfinished: dict[str, TrialHistory | None] = {}
        self._changed: dict[str, None] = {}  # folders of trials to write, in order
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self.errors: list[str] = []

    def open(self) -> None:
        """Open the store and begin to write.

        Raises:
            Exception: the store's, at the second attempt: another search may just be making it.
        """
        try:
            self.runs.open()
        except UsageError:
            raise
        except Exception:
            self.runs.open()
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Mark the trial, so that its run is opened."""
        self._mark(record)

    def epoch_ended(self, record: TrialRecord) -> None:
        """Mark the trial, so that its last epoch is logged."""
        self._mark(record)

    def trial_ended(self, record: TrialRecord) -> None:
        """Mark the trial, so that its run is closed."""
        self._mark(record)

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """Mark all trials to be written, whatever the store already holds.

        ``records`` are all trials: the run of any other, which had not begun on disk, is deleted.
        """
        records = list(records)
        self._attempt(lambda: self.runs.delete_others({each.trial_id for each in records}))
        for record in records:
            self._mark(record)

    def log_folder(self, record: TrialRecord, folder: Path) -> None:
        """Log ``folder`` as artifacts of the trial's run; call ``finish`` first."""
        self._attempt(lambda: self.runs.log_folder(record.trial_id, folder))

    def tag(self, record: TrialRecord, name: str, value: str) -> None:
        """Tag the trial's run; call ``finish`` first."""
        self._attempt(lambda: self.runs.tag(record.trial_id, name, value))

    def crown(self, record: TrialRecord) -> None:
        """Tag the trial's run, and no other of the search, as the winner; call ``finish`` first."""
        self._attempt(lambda: self.runs.crown(record.trial_id))

    def end_search(
        self, metrics: dict[str, float], tags: dict[str, str], status: str, at: float
    ) -> None:
        """Log the search's result and close its run with end time ``at``, in seconds since 1970."""
        self._attempt(lambda: self.runs.end_search(metrics, tags, status, at))

    def finish(self) -> None:
        """Write the rest of all trials and end the thread. Running trials count as interrupted."""
        if self._ending.is_set() or self._thread.ident is None:
            return
        self._ending.set()
        self._wake.set()
        self._thread.join()
        self._changed = {**self._changed, **dict.fromkeys(self._unfinished)}
        self._pass(closing=True)
        while self._changed and self._comes_back():
            self._pass(closing=True)

    def close(self) -> list[str]:
        """Leave the store; the errors of the writes, in order."""
        self.finish()
        self._pass(closing=True)  # the store may have come back since
        if self._was_silent:  # the store may have made a run without an answer
            self._attempt(lambda: self.runs.delete_others(self.runs.trials))
        if self.runs.running:  # their files are missing or damaged
            self._attempt(self.runs.interrupt)
        settle(self.runs.place.uri)
        return [*self._lacks(), *self.errors]  # only the first few are shown

    def _lacks(self) -> list[str]:
        if not (self._changed or self._missed):
            return []
        place, trials = self.runs.place, len(self._changed)
        return [
            f"{masked(place.uri)} does not answer and lacks the end of {counted(trials, 'trial')}; "
            f"later run {command('search.reconcile', place.search, out=self._search.parent)}"
        ]

    def _mark(self, record: TrialRecord) -> None:
        self._changed[folder_name(record.number, record.trial_id)] = None
        self._wake.set()

    def _work(self) -> None:
        pause = PAUSE
        while not self._ending.is_set():
            self._wake.wait(pause if self._changed else None)
            self._wake.clear()
            self._pass()
            pause = min(2 * pause, MAX_PAUSE) if self._silent else PAUSE
            self._ending.wait(pause)

    def _pass(self, *, closing: bool = False) -> None:
        """Write the trials that changed, unless the store is silent."""
        if self._silent and not self._answers():
            return
        for name in list(self._changed):
            del self._changed[name]  # before reading its files, so that later events mark it again
            self._write(name, closing)
            if self._silent:
                self._changed[name] = None
                return

    def _write(self, name: str, closing: bool) -> None:
        before = self._unfinished.pop(name, None)
        folder = self._search / name
        try:
            history = self._insist(
                lambda: project(self.runs, folder, before, self._note, closing=closing)
            )
            finished = history is None or history.record.status.is_final
        except Exception as error:
            self._note(error)
            history, finished = before, False
        if not (finished or closing):
            self._unfinished[name] = history

    def _attempt(self, write: Callable[[], object]) -> None:
        """Write something that is not from a trial's files; wait a little for a silent store."""
        try:
            if not self._silent or self._answers() or self._comes_back():
                self._insist(write)
        except Exception as error:
            self._note(error)
        self._missed = self._missed or self._silent

    def _insist(self, write: Callable[[], _T]) -> _T:
        """Write, and try a second time if the first attempt failed although the store answers.

        Raises:
            Exception: what the store raised; ``_silent`` says whether it answers.
        """
        try:
            return write()
        except Exception:
            if not self._answers():
                raise
            return write()

    def _answers(self) -> bool:
        """True if something can be written to the store now."""
        try:
            self.runs.ping()
            self._silent = False
        except Exception:
            self._silent = self._was_silent = True
        return not self._silent

    def _comes_back(self) -> bool:
        """Wait for a silent store while this search's patience lasts; True if it answers.

        All waiting counts, also on a server that hangs.
        """
        while self._patience > 0:
            begun = time.monotonic()
            time.sleep(PAUSE)
            answers = self._answers()
            self._patience -= time.monotonic() - begun
            if answers:
                return True
        return False

    def _note(self, error: Exception) -> None:
        """Keep an error, unless the store is silent: ``close`` reports that in one line."""
        if not self._silent:
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            self.errors.append(masked(" ".join(f"{kind}{error}".split())))

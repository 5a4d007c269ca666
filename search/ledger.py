"""The MLflow records of a search, written by the driver from a thread of its own.

One experiment a space, a parent run a search, a child run a trial. Trials never wait for the
tracking store: events are queued and written in passes, of which the first begins at once and
another half a second after the last. What has queued up for a trial meanwhile is written in one
batch, so that a slow store is caught up with.

The trials' files are the record, and these runs a projection of it. While the store does not answer
nothing is queued: the trials that it lacks are read from their files once it does. Everything may
be written again: a run is found by its trial, and a point that is there already, with its time, is
the same point.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from search.experiment import TAGS
from search.scoreboard import Status, TrialRecord
from search.search_file import new_id
from search.store import make_store
from search.task import Job
from search.tracking import settle, user_of, write_ahead
from search.trial_files import History, folder_name, read_history
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.recipe import Setting

# MLflow knows only how a run ended; convoy.status says why.
_RUN_STATUS: dict[Status, str] = {
    "completed": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
PAUSE = 0.5  # seconds between writing all that is queued and looking again, to write more at once
MOST_QUEUED = 5000  # events that wait in memory; what comes then is read from the files later
LONGEST_PAUSE = 15.0  # seconds between two attempts to reach a store that is silent
PATIENCE = 5.0  # seconds that the end of a search waits in all for a store that is silent
WINNER = "convoy.winner"
_COMMANDS = {"search": "search.run", "ablation": "search.ablate"}


@dataclass(frozen=True)
class Place:
    """Where a search is recorded.

    Attributes:
        uri: MLflow's tracking URI.
        experiment: name of the experiment, ``convoy/SPACE``.
        artifacts: folder for the artifacts of a local store; None lets the server choose.
        search: name of the search.
        kind: ``search`` or ``ablation``.
        group: name of the leaderboard that the search belongs to, or empty.
    """

    uri: str
    experiment: str
    artifacts: str | None
    search: str
    kind: str = "search"
    group: str = ""


def _quieten() -> None:
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are told in a line of ours


@dataclass(frozen=True)
class _Entry:
    """An event of a trial, and when it was, in milliseconds since 1970."""

    event: Literal["start", "epoch", "end"]
    record: TrialRecord
    time: int


@dataclass(frozen=True)
class _Batch:
    """What is written of a run at once, of whatever size: MLflow divides what is too large."""

    metrics: list[Metric] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[RunTag] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.metrics or self.params or self.tags)

    @classmethod
    def joined(cls, batches: list["_Batch"]) -> "_Batch":
        """The entries of all of them in their order."""
        return cls(
            [metric for batch in batches for metric in batch.metrics],
            [param for batch in batches for param in batch.params],
            [tag for batch in batches for tag in batch.tags],
        )


# What the ledger's thread is asked for: an event, another write, to tell when it comes to it, or to
# stop.
_Queued = _Entry | Callable[[], object] | threading.Event | None


class Ledger:
    """A follower of a search's events that writes them to MLflow.

    Every public method but ``flush``, ``close`` and ``run_id`` returns at once. A write that fails
    does not stop the search; ``errors`` tells what went wrong, and so does ``close``.

    Args:
        place: where to record.
        params: what to log of the search as a whole.
        trial_params: what to log of every trial beside its values.
        job: what all trials share, kept with every trial so that it can be trained again.
        search_id: under which the runs are found again; None for a search of its own.
        folder: the search's, with its trials' files; None if there are none to read.
    """

    def __init__(
        self,
        place: Place,
        params: dict[str, Any],
        trial_params: dict[str, Any],
        job: Job,
        search_id: str | None = None,
        folder: Path | None = None,
    ) -> None:
        self._place, self._trial_params, self._job = place, trial_params, job
        self._search_id, self._folder = search_id or new_id(), folder
        self._silent, self._patience, self._missed = False, PATIENCE, False
        self._behind: dict[str, int] = {}  # trials to be read from their files, and their numbers
        self._queue: queue.Queue[_Queued] = queue.Queue()
        self._hurry = threading.Event()
        self._runs: dict[str, str] = {}
        self.errors: list[str] = []
        self._parent = ""
        self._queue.put(lambda: self._open(params))
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Open the trial's run."""
        self._add(_Entry("start", record, _time_of(record)))

    def epoch_ended(self, record: TrialRecord) -> None:
        """Log the figures of the trial's last epoch."""
        self._add(_Entry("epoch", record, _time_of(record)))

    def trial_ended(self, record: TrialRecord) -> None:
        """Log the trial's best epoch and close its run."""
        self._add(_Entry("end", record, _time_of(record)))

    def recall(self, histories: list[History]) -> None:
        """Write what the files tell of trials, whatever of it is there already.

        These are all: a run of another one, that had not begun on disk, goes.
        """
        self._queue.put(lambda: self._delete_others({each.trial_id for each in histories}))
        for history in histories:
            for entry in _entries_of(history):
                self._queue.put(entry)

    def _add(self, entry: _Entry) -> None:
        full = self._folder is not None and self._queue.qsize() >= MOST_QUEUED
        if full or self._silent:
            self._behind[entry.record.trial_id] = entry.record.number
        else:
            self._queue.put(entry)

    def keep(self, record: TrialRecord, folder: Path) -> None:
        """Log ``folder`` as artifacts of the trial's run; it must stay until ``flush``."""
        self._queue.put(
            lambda: self._client.log_artifacts(self._runs[record.trial_id], str(folder))
        )

    def crown(self, record: TrialRecord) -> None:
        """Tag the trial's run, and no other of the search, as the winner."""
        self._queue.put(lambda: self._crown(self._runs[record.trial_id]))

    def end_search(
        self, metrics: dict[str, float], tags: dict[str, str], status: str, at: float = 0.0
    ) -> None:
        """Log the result of the search and close its run, as of ``at``, seconds since 1970."""
        now = int(at * 1000) or _milliseconds()
        self._queue.put(lambda: self._end_search(metrics, tags, status, now))

    def flush(self) -> None:
        """Wait until everything that was asked for so far is written."""
        done = threading.Event()
        self._queue.put(done)
        self._hurry.set()
        done.wait()

    def run_id(self, trial_id: str) -> str | None:
        """The MLflow run of a trial, once it is written; ``flush`` first."""
        return self._runs.get(trial_id)

    @property
    def parent(self) -> str | None:
        """The search's own run, once it is made."""
        return self._parent or None

    def close(self) -> list[str]:
        """Write what is left and stop; the errors that writes met, in order."""
        self._queue.put(None)
        self._hurry.set()
        self._thread.join()
        return self.errors

    def _work(self) -> None:
        pause = PAUSE
        while self._write(self._waiting(pause if self._behind else None)):
            self._catch_up()
            pause = min(2 * pause, LONGEST_PAUSE) if self._silent else PAUSE
            self._hurry.wait(pause)
        self._give_up_behind()
        settle(self._place.uri)

    def _waiting(self, most: float | None) -> list[_Queued]:
        """All that is queued, once there is something, or after ``most`` seconds."""
        try:
            waiting = [self._queue.get(timeout=most)]
        except queue.Empty:
            return []
        self._hurry.clear()
        while not self._queue.empty():
            waiting.append(self._queue.get())
        return waiting

    def _write(self, waiting: list[_Queued]) -> bool:
        """Write what was ``waiting``; False if it ends with the request to stop.

        The entries of each trial are written together, in their order; other writes come after all
        that was queued before them.
        """
        entries: dict[str, list[_Entry]] = {}
        for each in waiting:
            if isinstance(each, _Entry):
                entries.setdefault(each.record.trial_id, []).append(each)
                continue
            self._write_trials(entries)
            if each is None:
                return False
            entries = {}
            if isinstance(each, threading.Event):
                each.set()
            else:
                self._call(each)
        self._write_trials(entries)
        return True

    def _call(self, write: Callable[[], object]) -> None:
        """Do one of the writes that are of no event; a silent store is waited for a little."""
        self._catch_up()
        while self._silent and self._patience > 0:
            start = time.monotonic()
            self._catch_up()
            self._hurry.wait(PAUSE)
            self._patience -= time.monotonic() - start
        try:
            if not self._silent:
                self._insist(write)
        except Exception as error:
            self._note(error)
        self._missed = self._missed or self._silent

    def _insist(self, write: Callable[[], object]) -> None:
        """Write, a second time if the first failed though the store answers.

        Raises:
            Exception: what the store raised; ``_silent`` tells whether it answers.
        """
        try:
            write()
        except Exception:
            if not self._answers():
                raise
            write()

    def _answers(self) -> bool:
        """True if something can be written to the store now."""
        try:
            if self._parent:
                self._client.set_tag(self._parent, "convoy.search", self._place.search)
            self._silent = False
        except Exception:
            self._silent = bool(self._parent)
            return False
        return True

    def _catch_up(self) -> None:
        """Write what the files tell of the trials that the store lacks, if it answers."""
        if not (self._behind or self._silent) or not self._answers():
            return
        for trial, number in list(self._behind.items()):
            del self._behind[trial]  # before the file is read: what comes later is added again
            history = self._history(trial, number)
            if history is not None:
                self._write_trials({trial: list(_entries_of(history))})
            if self._silent:
                return

    def _history(self, trial: str, number: int) -> History | None:
        if self._folder is None:
            return None
        return read_history(self._folder / folder_name(number, trial))

    def _give_up_behind(self) -> None:
        self._catch_up()
        if self._behind or self._missed:
            uri, out = masked(self._place.uri), self._folder.parent if self._folder else "DIR"
            self.errors.insert(  # the first few are shown
                0,
                f"{uri} does not answer, and lacks the end of {len(self._behind)} trials; once it "
                f"does: python -m search.reconcile {self._place.search} --out {out}",
            )

    def _note(self, error: Exception) -> None:
        """Keep an error, unless the store is silent, of which the end tells in one line."""
        if not self._silent:
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            self.errors.append(masked(" ".join(f"{kind}{error}".split())))

    def _open(self, params: dict[str, Any]) -> None:
        _quieten()
        make_store(self._place.uri)
        write_ahead(self._place.uri)
        self._client = MlflowClient(self._place.uri)
        try:
            self._begin(params)
        except MlflowException as error:
            if error.error_code != "PERMISSION_DENIED":
                raise
            user = user_of(self._place.uri)
            raise UsageError(
                f"user {user!r} may not log to {self._place.experiment}; whoever runs the server "
                "can give the right to"
            ) from error

    def _begin(self, params: dict[str, Any]) -> None:
        """Find the runs that there are of this search, and begin or go on with its own."""
        self._experiment = self._experiment_id()
        runs = list(self._own_runs())
        for run in runs:
            if (trial := run.data.tags.get("convoy.trial_id")) is not None:
                self._runs.setdefault(trial, run.info.run_id)
        parents = [run for run in runs if run.data.tags["convoy.kind"] == self._place.kind]
        self._parent = str(parents[0].info.run_id) if parents else self._create_parent()
        self._client.update_run(self._parent, status="RUNNING")
        self._client.log_batch(self._parent, params=_params(params))

    def _delete_others(self, known: set[str]) -> None:
        """Delete the runs of trials that nobody knows of, and all of a trial but the first."""
        first: dict[str, str] = {}
        for run in list(self._own_runs()):
            trial, run_id = run.data.tags.get("convoy.trial_id"), run.info.run_id
            if trial is not None and (
                trial not in known or first.setdefault(trial, run_id) != run_id
            ):
                self._client.delete_run(run_id)
                if self._runs.get(trial) == run_id:
                    del self._runs[trial]

    def _crown(self, winner: str) -> None:
        for run in list(self._own_runs(f" and tags.`{WINNER}` = 'true'")):
            if run.info.run_id != winner:  # it was the best when the search was interrupted
                self._client.delete_tag(run.info.run_id, WINNER)
        self._client.set_tag(winner, WINNER, "true")

    def _own_runs(self, further: str = "") -> Iterator[Run]:
        """The runs of this search that are there, of those that meet a ``further`` condition."""
        token, condition = None, f"tags.`convoy.search_id` = '{self._search_id}'{further}"
        while True:
            page = self._client.search_runs(
                [self._experiment], condition, max_results=1000, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _create_parent(self) -> str:
        run = self._client.create_run(
            self._experiment,
            run_name=self._place.search,
            tags=self._tags(self._place.kind, "running"),
        )
        return str(run.info.run_id)

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._place.experiment)
        if found is not None:
            return str(found.experiment_id)
        folder = self._place.artifacts
        location = None if folder is None else Path(folder, self._place.experiment).as_uri()
        return str(self._client.create_experiment(self._place.experiment, location, TAGS))

    def _tags(self, kind: str, status: str, **more: str) -> dict[str, str]:
        return {
            "convoy.kind": kind,
            "convoy.search": self._place.search,
            "convoy.search_id": self._search_id,
            "convoy.status": status,
            **({"convoy.leaderboard": self._place.group} if self._place.group else {}),
            "mlflow.user": os.environ.get("USER", "convoy"),
            "mlflow.source.name": _COMMANDS[self._place.kind],
            **more,
        }

    def _write_trials(self, entries: dict[str, list[_Entry]]) -> None:
        for trial, each in entries.items():
            if self._silent or trial in self._behind:
                self._behind[trial] = each[0].record.number
                continue
            self._write_or_defer(each)

    def _write_or_defer(self, entries: list[_Entry]) -> None:
        """Write entries of one trial, or note that it is behind if the store does not answer."""
        try:
            self._insist(lambda: self._write_trial(entries))
        except Exception as error:
            self._note(error)
            if self._silent:
                self._behind[entries[0].record.trial_id] = entries[0].record.number

    def _write_trial(self, entries: list[_Entry]) -> None:
        """Write successive entries of one trial."""
        trial, batches, last = entries[0].record.trial_id, [], entries[-1]
        for entry in entries:
            if entry.event == "start":
                if trial not in self._runs:
                    self._runs[trial] = self._create_run(entry.record)
                elif last.event != "end":
                    self._client.update_run(self._runs[trial], status="RUNNING")
                batches.append(self._values_of(entry.record))
            else:
                batches.append(_epoch_of(entry) if entry.event == "epoch" else _end_of(entry))
        run = self._runs[trial]
        self._log(run, [batch for batch in batches if batch])
        if last.event == "end":
            self._client.set_terminated(run, _RUN_STATUS[last.record.status], last.time)

    def _log(self, run: str, batches: list[_Batch]) -> None:
        """Log all batches at once; one by one if that is refused, so that only the bad is lost."""
        if not batches:
            return
        joined = _Batch.joined(batches)
        try:
            self._client.log_batch(run, joined.metrics, joined.params, joined.tags)
        except Exception:
            if len(batches) == 1 or not self._answers():
                raise
            for batch in batches:
                try:
                    self._log(run, [batch])
                except Exception as error:
                    self._note(error)

    def _create_run(self, record: TrialRecord) -> str:
        name = f"{self._place.search}-{record.number:03d}"
        named = record.label != str(record.number)
        kind = "trial" if record.repeats is None else "finalist"
        run = self._client.create_run(
            self._experiment,
            start_time=int(record.started * 1000),
            run_name=f"{name}-{record.label}" if named else name,
            tags=self._tags(
                kind,
                "running",
                **{"mlflow.parentRunId": self._parent, "convoy.trial_id": record.trial_id},
                **self._repeatable(record),
            ),
        )
        return str(run.info.run_id)

    def _values_of(self, record: TrialRecord) -> _Batch:
        params = {**self._trial_params, "trial": record.number, **record.values}
        return _Batch(params=_params(params), tags=[RunTag("convoy.status", "running")])

    def _repeatable(self, record: TrialRecord) -> dict[str, str]:
        """Tags that hold all that is needed to train the trial again, and what it assumes."""
        tags = {
            "convoy.job": json.dumps(asdict(self._job)),
            "convoy.values": json.dumps(record.values),
            "convoy.label": record.label,
            "convoy.stream": json.dumps(record.stream),
        }
        if record.repeats is not None:
            tags["convoy.repeats"] = str(record.repeats)
        assumption = Setting.of(self._job.architecture, record.values, 1, 0).recipe.assumption
        return {**tags, "convoy.assumption": assumption} if assumption else tags

    def _end_search(
        self, metrics: dict[str, float], tags: dict[str, str], status: str, now: int
    ) -> None:
        self._client.log_batch(
            self._parent,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self._client.set_terminated(self._parent, status, now)


def _entries_of(history: History) -> Iterator[_Entry]:
    """What was told of a trial, as its files tell it; its end only if it has one."""
    first, *epochs = history.records
    yield _Entry("start", first, _time_of(first))
    for record in epochs:
        yield _Entry("epoch", record, _time_of(record))
    if history.status != "running":
        yield _Entry("end", history.record, _time_of(history.record))


def _epoch_of(entry: _Entry) -> _Batch:
    """The figures of an epoch."""
    return _Batch(metrics=_metrics(entry, entry.record.last))


def _end_of(entry: _Entry) -> _Batch:
    """How a trial ended, and its best epoch."""
    record, tags = entry.record, [RunTag("convoy.status", entry.record.status)]
    if record.error:
        tags.append(RunTag("convoy.error", record.error))
    if not record.best_epoch:
        return _Batch(tags=tags)
    best = {"best_val_accuracy": record.best_accuracy, "best_epoch": record.best_epoch}
    return _Batch(metrics=_metrics(entry, best), tags=tags)


def _metrics(entry: _Entry, values: dict[str, float]) -> list[Metric]:
    step = entry.record.epochs
    return [Metric(name, value, entry.time, step) for name, value in values.items()]


def _params(values: dict[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in values.items() if value is not None]


def _time_of(record: TrialRecord) -> int:
    return int(record.at * 1000) or _milliseconds()


def _milliseconds() -> int:
    return int(time.time() * 1000)

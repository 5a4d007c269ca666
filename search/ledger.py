"""The MLflow records of a search, written by the driver from a thread of its own.

One experiment a space, a parent run a search, a child run a trial. Trials never wait for the
tracking store: events are queued and written in passes, of which the first begins at once and
another half a second after the last. What has queued up for a trial meanwhile is written in one
batch, so that a slow store is caught up with.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from search.scoreboard import Status, TrialRecord
from search.task import Job
from search.tracking import settle, write_ahead
from trainables.recipe import Setting
from trainables.secrets import masked

# MLflow knows only how a run ended; convoy.status says why.
_RUN_STATUS: dict[Status, str] = {
    "completed": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
PAUSE = 0.5  # seconds between writing all that is queued and looking again, to write more at once
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
    artifacts: Path | None
    search: str
    kind: str = "search"
    group: str = ""


def _quieten() -> None:
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store"):
        logging.getLogger(name).setLevel(logging.WARNING)


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


class Ledger:
    """A follower of a search's events that writes them to MLflow.

    Every public method but ``flush``, ``close`` and ``run_id`` returns at once. A write that fails
    does not stop the search; ``errors`` tells what went wrong, and so does ``close``.

    Args:
        place: where to record.
        params: what to log of the search as a whole.
        trial_params: what to log of every trial beside its values.
        job: what all trials share, kept with every trial so that it can be trained again.
    """

    def __init__(
        self, place: Place, params: dict[str, Any], trial_params: dict[str, Any], job: Job
    ) -> None:
        self._place, self._trial_params, self._job = place, trial_params, job
        self._queue: queue.Queue[_Entry | Callable[[], object] | None] = queue.Queue()
        self._hurry = threading.Event()
        self._runs: dict[str, str] = {}
        self.errors: list[str] = []
        self._parent = ""
        self._queue.put(lambda: self._open(params))
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Open the trial's run."""
        self._queue.put(_Entry("start", record, _milliseconds()))

    def epoch_ended(self, record: TrialRecord) -> None:
        """Log the figures of the trial's last epoch."""
        self._queue.put(_Entry("epoch", record, _milliseconds()))

    def trial_ended(self, record: TrialRecord) -> None:
        """Log the trial's best epoch and close its run."""
        self._queue.put(_Entry("end", record, _milliseconds()))

    def keep(self, record: TrialRecord, folder: Path) -> None:
        """Log ``folder`` as artifacts of the trial's run; it must stay until ``flush``."""
        self._queue.put(
            lambda: self._client.log_artifacts(self._runs[record.trial_id], str(folder))
        )

    def crown(self, record: TrialRecord) -> None:
        """Tag the trial's run as the winner."""
        self._queue.put(
            lambda: self._client.set_tag(self._runs[record.trial_id], "convoy.winner", "true")
        )

    def end_search(self, metrics: dict[str, float], tags: dict[str, str], status: str) -> None:
        """Log the result of the search and close its run."""
        self._queue.put(lambda: self._end_search(metrics, tags, status))

    def flush(self) -> None:
        """Wait until everything that was asked for so far is written."""
        done = threading.Event()
        self._queue.put(done.set)
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
        while self._write(self._waiting()):
            self._hurry.wait(PAUSE)
        settle(self._place.uri)

    def _waiting(self) -> list[_Entry | Callable[[], object] | None]:
        """All that is queued, once there is something."""
        waiting = [self._queue.get()]
        self._hurry.clear()
        while not self._queue.empty():
            waiting.append(self._queue.get())
        return waiting

    def _write(self, waiting: list[_Entry | Callable[[], object] | None]) -> bool:
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
            with self._noted():
                each()
        self._write_trials(entries)
        return True

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep an error: whatever the store raises must not stop the search."""
        try:
            yield
        except Exception as error:
            self.errors.append(masked(" ".join(f"{type(error).__name__}: {error}".split())))

    def _open(self, params: dict[str, Any]) -> None:
        _quieten()
        write_ahead(self._place.uri)
        self._client = MlflowClient(self._place.uri)
        self._experiment = self._experiment_id()
        run = self._client.create_run(
            self._experiment,
            run_name=self._place.search,
            tags=self._tags(self._place.kind, "running"),
        )
        self._parent = str(run.info.run_id)
        self._client.log_batch(self._parent, params=_params(params))

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self._place.experiment)
        if found is not None:
            return str(found.experiment_id)
        folder = self._place.artifacts
        location = None if folder is None else (folder / self._place.experiment).as_uri()
        return str(self._client.create_experiment(self._place.experiment, location))

    def _tags(self, kind: str, status: str, **more: str) -> dict[str, str]:
        return {
            "convoy.kind": kind,
            "convoy.search": self._place.search,
            "convoy.status": status,
            **({"convoy.leaderboard": self._place.group} if self._place.group else {}),
            "mlflow.user": os.environ.get("USER", "convoy"),
            "mlflow.source.name": _COMMANDS[self._place.kind],
            **more,
        }

    def _write_trials(self, entries: dict[str, list[_Entry]]) -> None:
        for each in entries.values():
            with self._noted():
                self._write_trial(each)

    def _write_trial(self, entries: list[_Entry]) -> None:
        """Write successive entries of one trial."""
        trial, batches = entries[0].record.trial_id, []
        for entry in entries:
            if entry.event == "start" and trial not in self._runs:
                self._runs[trial] = self._create_run(entry.record)
                batches.append(self._values_of(entry.record))
            elif entry.event != "start":
                batches.append(_epoch_of(entry) if entry.event == "epoch" else _end_of(entry))
        run, last = self._runs[trial], entries[-1]
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
            if len(batches) == 1:
                raise
            for batch in batches:
                with self._noted():
                    self._log(run, [batch])

    def _create_run(self, record: TrialRecord) -> str:
        name = f"{self._place.search}-{record.number:03d}"
        named = record.label != str(record.number)
        run = self._client.create_run(
            self._experiment,
            start_time=int(record.started * 1000),
            run_name=f"{name}-{record.label}" if named else name,
            tags=self._tags(
                "trial",
                "running",
                **{"mlflow.parentRunId": self._parent, "convoy.trial_id": record.trial_id},
                **self._repeatable(record),
            ),
        )
        return str(run.info.run_id)

    def _values_of(self, record: TrialRecord) -> _Batch:
        params = {**self._trial_params, "trial": record.number, **record.values}
        return _Batch(params=_params(params))

    def _repeatable(self, record: TrialRecord) -> dict[str, str]:
        """Tags that hold all that is needed to train the trial again, and what it assumes."""
        tags = {
            "convoy.job": json.dumps(asdict(self._job)),
            "convoy.values": json.dumps(record.values),
            "convoy.label": record.label,
            "convoy.stream": json.dumps(record.stream),
        }
        assumption = Setting.of(self._job.architecture, record.values, 1, 0).recipe.assumption
        return {**tags, "convoy.assumption": assumption} if assumption else tags

    def _end_search(self, metrics: dict[str, float], tags: dict[str, str], status: str) -> None:
        now = _milliseconds()
        self._client.log_batch(
            self._parent,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self._client.set_terminated(self._parent, status, now)


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


def _milliseconds() -> int:
    return int(time.time() * 1000)

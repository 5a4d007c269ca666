"""The MLflow records of a search, written by the driver from a thread of its own.

One experiment a space, a parent run a search, a child run a trial, one batch an epoch. Trials never
wait for the tracking store: events are queued and written in order.
"""

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from search.scoreboard import Status, TrialRecord
from search.task import Job
from trainables.recipe import Setting

# MLflow knows only how a run ended; convoy.status says why.
_RUN_STATUS: dict[Status, str] = {
    "completed": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
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


def prepare_store(uri: str) -> None:
    """Have MLflow make the tables of a new database; an error is left for the ledger to meet."""
    _quieten()
    with suppress(Exception):
        MlflowClient(uri).search_experiments(max_results=1)


def _quieten() -> None:
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.store"):
        logging.getLogger(name).setLevel(logging.WARNING)


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
        self._queue: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._runs: dict[str, str] = {}
        self.errors: list[str] = []
        self._parent = ""
        self._queue.put(lambda: self._open(params))
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Open the trial's run."""
        self._queue.put(lambda: self._start_trial(record))

    def epoch_ended(self, record: TrialRecord) -> None:
        """Log the figures of the trial's last epoch."""
        now = _milliseconds()
        self._queue.put(lambda: self._log_metrics(record.trial_id, record.last, record.epochs, now))

    def trial_ended(self, record: TrialRecord) -> None:
        """Log the trial's best epoch and close its run."""
        now = _milliseconds()
        self._queue.put(lambda: self._end_trial(record, now))

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
        self._thread.join()
        return self.errors

    def _work(self) -> None:
        while (write := self._queue.get()) is not None:
            try:
                write()
            except Exception as error:  # whatever the store raises must not stop the search
                self.errors.append(" ".join(f"{type(error).__name__}: {error}".split()))

    def _open(self, params: dict[str, Any]) -> None:
        _quieten()
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

    def _start_trial(self, record: TrialRecord) -> None:
        if record.trial_id in self._runs:
            return
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
        self._runs[record.trial_id] = run.info.run_id
        params = {**self._trial_params, "trial": record.number, **record.values}
        self._client.log_batch(run.info.run_id, params=_params(params))

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

    def _log_metrics(self, trial_id: str, values: dict[str, float], step: int, now: int) -> None:
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._runs[trial_id], metrics=metrics)

    def _end_trial(self, record: TrialRecord, now: int) -> None:
        run, tags = self._runs[record.trial_id], [RunTag("convoy.status", record.status)]
        if record.error:
            tags.append(RunTag("convoy.error", record.error))
        best: dict[str, float] = {}
        if record.best_epoch:
            best = {"best_val_accuracy": record.best_accuracy, "best_epoch": record.best_epoch}
        metrics = [Metric(name, value, now, record.epochs) for name, value in best.items()]
        self._client.log_batch(run, metrics=metrics, tags=tags)
        self._client.set_terminated(run, _RUN_STATUS[record.status], now)

    def _end_search(self, metrics: dict[str, float], tags: dict[str, str], status: str) -> None:
        now = _milliseconds()
        self._client.log_batch(
            self._parent,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self._client.set_terminated(self._parent, status, now)


def _params(values: dict[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in values.items() if value is not None]


def _milliseconds() -> int:
    return int(time.time() * 1000)

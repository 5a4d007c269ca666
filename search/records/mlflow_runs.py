"""A search in MLflow: an experiment for its space, a parent run for it, a child run for each trial.

Everything may be written again: a run is found by its trial, and a point that is already in the
store with its time stays one point.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from search.records.about import About
from search.records.artifacts import find_artifacts, make_experiment
from search.records.permission import when_permitted
from search.records.store import make_store
from search.records.tracking import user_of, write_ahead
from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord
from trainables.boundary.errors import UsageError
from trainables.recipe import Setting

# MLflow only records how a run ended; convoy.status records why.
_RUN_STATUS = {
    Status.RUNNING: "RUNNING",
    Status.COMPLETED: "FINISHED",
    Status.PRUNED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.INTERRUPTED: "KILLED",
}
WINNER = "convoy.winner"
DROPPED_OUT = "convoy.dropped_out"  # set if more trials made the setting lose its place as finalist
_COMMANDS = {"search": "search.run", "ablation": "search.ablate"}


@dataclass(frozen=True)
class _Batch:
    """Entries of a run that are written at once; MLflow divides a batch that is too large."""

    metrics: list[Metric] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[RunTag] = field(default_factory=list)

    @classmethod
    def joined(cls, batches: list["_Batch"]) -> "_Batch":
        """One batch with the entries of all, in their order."""
        return cls(
            [metric for batch in batches for metric in batch.metrics],
            [param for batch in batches for param in batch.params],
            [tag for batch in batches for tag in batch.tags],
        )


class MlflowRuns:
    """The runs of one search in a tracking store.

    Every method except ``run_id`` may raise whatever the store's database or server raises.

    Args:
        about: the search, and the place of its records.
        search_id: id of the search, by which the runs are found again.
    """

    def __init__(self, about: About, search_id: str) -> None:
        self.place = about.place
        self._about, self._search_id = about, search_id
        self._runs: dict[str, str] = {}  # MLflow's run ids by Ray Tune's trial ids
        # How and when the runs ended, or that they run, by MLflow's ids.
        self._ends: dict[str, tuple[str, int | None]] = {}
        self.parent = ""  # the search's own run, once it is made

    def open(self) -> None:
        """Find the runs of this search, and begin or resume its own run.

        Raises:
            UsageError: the user may not log to the experiment.
        """
        for name in ("alembic", "mlflow.store.db.utils", "mlflow.store"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the search itself reports errors
        make_store(self.place.uri)
        write_ahead(self.place.uri)
        if self.place.artifacts is not None:
            find_artifacts(self.place.uri, Path(self.place.artifacts).parent, writing=True)
        self._client = MlflowClient(self.place.uri)
        try:
            when_permitted(self._begin)
        except MlflowException as error:
            if error.error_code != "PERMISSION_DENIED":
                raise
            user = user_of(self.place.uri)
            raise UsageError(
                f"user {user!r} may not log to {self.place.experiment}; ask the "
                "administrator of the server for permission"
            ) from error

    def ping(self) -> None:
        """Write something that changes nothing."""
        self._client.set_tag(self.parent, "convoy.search", self.place.search)

    def run_id(self, trial_id: str) -> str | None:
        """The id of a trial's MLflow run; None before it is written."""
        return self._runs.get(trial_id)

    def write(
        self,
        history: TrialHistory,
        before: TrialRecord | None,
        refused: Callable[[Exception], object],
    ) -> None:
        """Write the epochs of ``history`` and the state of its trial.

        Args:
            history: the history of a trial.
            before: the trial when it was last written; None if that is not known.
            refused: called with the error if the store accepts only a part of what is logged.
        """
        record = history.record
        run = self._runs.get(record.trial_id) or self._create_run(record)
        status = _RUN_STATUS[record.status]
        if self._ends[run][0] != status == "RUNNING":
            self._client.update_run(run, status=status)
            self._ends[run] = status, None
        batches = [] if before else [self._settings_of(record)]
        batches += map(_epoch_of, history.steps)
        if before is None or before.status is not record.status:
            batches.append(_status_of(record))
        self._log(run, batches, refused)
        if status != "RUNNING":
            self._end(run, status, _milliseconds(record.at))

    @property
    def trials(self) -> set[str]:
        """The ids of the trials that have a run."""
        return set(self._runs)

    @property
    def running(self) -> list[str]:
        """The ids of the trials' runs that the store shows as running."""
        return [run for run, (status, _) in self._ends.items() if status == "RUNNING"]

    def interrupt(self) -> None:
        """Close the runs that are still running."""
        for run in self.running:
            self._client.set_tag(run, "convoy.status", Status.INTERRUPTED)
            self._end(run, _RUN_STATUS[Status.INTERRUPTED], _milliseconds(0))

    def delete_others(self, trials: set[str]) -> None:
        """Delete the runs of trials that are not among ``trials``, and second runs of a trial."""
        runs = [(run.data.tags.get("convoy.trial_id"), run.info.run_id) for run in self._own_runs()]
        for trial, run_id in runs:
            if trial is None or (trial in trials and self._runs.get(trial) == run_id):
                continue
            self._client.delete_run(run_id)
            self._ends.pop(run_id, None)
            if self._runs.get(trial) == run_id:
                del self._runs[trial]

    def log_folder(self, trial_id: str, folder: Path) -> None:
        """Log ``folder`` as artifacts of a trial's run."""
        self._client.log_artifacts(self._runs[trial_id], str(folder))

    def tag(self, trial_id: str, name: str, value: str) -> None:
        """Tag a trial's run."""
        self._client.set_tag(self._runs[trial_id], name, value)

    def crown(self, trial_id: str) -> None:
        """Tag the run of a trial, and no other run of the search, as the winner."""
        winner = self._runs[trial_id]
        for run in list(self._own_runs(f" and tags.`{WINNER}` = 'true'")):
            if run.info.run_id != winner:  # the best when the search was interrupted
                self._client.delete_tag(run.info.run_id, WINNER)
        self._client.set_tag(winner, WINNER, "true")

    def end_search(
        self, metrics: dict[str, float], tags: dict[str, str], status: str, at: float
    ) -> None:
        """Log the search's result and close its run with end time ``at``, in seconds since 1970."""
        now = _milliseconds(at)
        self._client.log_batch(
            self.parent,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        self._client.set_terminated(self.parent, status, now)

    def _begin(self) -> None:
        place, artifacts = self.place, self.place.artifacts
        folder = None if artifacts is None else Path(artifacts)
        self._experiment = make_experiment(self._client, place.experiment, place.uri, folder)
        logged: dict[str, str] = {}  # params, which MLflow never lets change
        for run in self._own_runs():
            run_id, tags = run.info.run_id, run.data.tags
            if tags["convoy.search"] != self.place.search:
                self._rename(run)
            if (trial := tags.get("convoy.trial_id")) is not None:
                self._runs.setdefault(trial, run_id)
                self._ends[run_id] = run.info.status, run.info.end_time
            elif tags["convoy.kind"] == self.place.kind and self.parent in ("", run_id):
                self.parent, logged = run_id, run.data.params
        self.parent = self.parent or self._create_parent()
        self._client.update_run(self.parent, status="RUNNING")
        params = {k: v for k, v in self._about.params.items() if k not in logged}
        budgets = self._about.budgets  # the params are those of the first budget
        grown = [RunTag("convoy.budgets", json.dumps(budgets))] if len(budgets) > 1 else []
        self._client.log_batch(self.parent, params=_params(params), tags=grown)

    def _own_runs(self, further: str = "") -> Iterator[Run]:
        """The runs of this search in the store that also meet the ``further`` condition."""
        token, condition = None, f"tags.`convoy.search_id` = '{self._search_id}'{further}"
        while True:
            page = self._client.search_runs(
                [self._experiment], condition, max_results=1000, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _rename(self, run: Run) -> None:
        """Give a run of this search the present name of the search's folder."""
        run_id, before, after = run.info.run_id, run.data.tags["convoy.search"], self.place.search
        self._client.set_tag(run_id, "convoy.search", after)
        name = f"{after}{str(run.info.run_name).removeprefix(before)}"
        self._client.set_tag(run_id, "mlflow.runName", name)

    def _create_parent(self) -> str:
        run = self._client.create_run(
            self._experiment,
            run_name=self.place.search,
            tags=self._tags(self.place.kind, "running"),
        )
        return str(run.info.run_id)

    def _tags(self, kind: str, status: str, **more: str) -> dict[str, str]:
        return {
            "convoy.kind": kind,
            "convoy.search": self.place.search,
            "convoy.search_id": self._search_id,
            "convoy.status": status,
            **({"convoy.leaderboard": self.place.group} if self.place.group else {}),
            "mlflow.user": os.environ.get("USER", "convoy"),
            "mlflow.source.name": _COMMANDS[self.place.kind],
            **more,
        }

    def _create_run(self, record: TrialRecord) -> str:
        spec, name = record.spec, f"{self.place.search}-{record.number:03d}"
        run = self._client.create_run(
            self._experiment,
            start_time=_milliseconds(record.started),
            run_name=f"{name}-{spec.label}" if spec.label not in ("", str(spec.number)) else name,
            tags=self._tags(
                "trial" if spec.repeats is None else "finalist",
                "running",
                **{"mlflow.parentRunId": self.parent, "convoy.trial_id": record.trial_id},
                **self._repeatable(record),
            ),
        )
        run_id = str(run.info.run_id)
        self._runs[record.trial_id], self._ends[run_id] = run_id, ("RUNNING", None)
        return run_id

    def _repeatable(self, record: TrialRecord) -> dict[str, str]:
        """Tags with everything that is needed to train the trial again, and with its assumption."""
        job, spec = self._about.job, record.spec
        tags = {
            "convoy.job": json.dumps(asdict(job)),
            "convoy.values": json.dumps(spec.values),
            "convoy.label": spec.name,
            "convoy.stream": json.dumps(spec.stream),
        }
        if spec.repeats is not None:
            tags["convoy.repeats"] = str(spec.repeats)
        assumption = Setting.of(job.architecture, spec.values, 1, 0).recipe.assumption
        return {**tags, "convoy.assumption": assumption} if assumption else tags

    def _end(self, run: str, status: str, at: int) -> None:
        if self._ends[run] != (status, at):
            self._client.set_terminated(run, status, at)
            self._ends[run] = status, at

    def _settings_of(self, record: TrialRecord) -> _Batch:
        params = {**self._about.trial_params, "trial": record.number, **record.values}
        return _Batch(params=_params(params))

    def _log(self, run: str, batches: list[_Batch], refused: Callable[[Exception], object]) -> None:
        """Log all batches at once; if that fails one by one, so that only bad ones are lost."""
        if not batches:
            return
        try:
            self._log_batch(run, _Batch.joined(batches))
        except Exception:
            self.ping()  # raises if the store is silent, so that nothing is lost
            for batch in batches:
                try:
                    self._log_batch(run, batch)
                except Exception as error:
                    self.ping()
                    refused(error)

    def _log_batch(self, run: str, batch: _Batch) -> None:
        self._client.log_batch(run, batch.metrics, batch.params, batch.tags)


def _epoch_of(step: TrialRecord) -> _Batch:
    """The metrics of an epoch; for the best epoch also ``best_``, as MLflow sorts by last values.

    The score comes first, because MLflow's Compare page opens on the metric that was logged first.
    """
    first = step.spec.job.figure
    values = {first: step.last[first], **step.last} if first in step.last else dict(step.last)
    if step.best_epoch == step.epochs:
        values |= {f"best_{name}": value for name, value in step.judged.items()}
        values["best_epoch"] = step.best_epoch
    at, epoch = _milliseconds(step.at), step.epochs
    return _Batch(metrics=[Metric(name, value, at, epoch) for name, value in values.items()])


def _status_of(record: TrialRecord) -> _Batch:
    tags = [RunTag("convoy.status", str(record.status))]
    return _Batch(tags=[*tags, *([RunTag("convoy.error", record.error)] if record.error else [])])


def _params(values: dict[str, Any]) -> list[Param]:
    return [Param(name, str(value)) for name, value in values.items() if value is not None]


def _milliseconds(at: float) -> int:
    return int((at or time.time()) * 1000)

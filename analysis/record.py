"""Read the runs and searches of an analysis from the tracking store, and log to it."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mlflow.entities import FileInfo, Metric, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from analysis.trials import RecordedSearch, RecordedTrial, rungs
from search.records.experiment import experiment_name
from search.records.mlflow_runs import DROPPED_OUT
from search.records.parsing import quoted, recorded_spec
from search.records.run_reader import RecordedRun, RecordedRuns
from search.trials.record import Status
from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError

# The metrics that figures of a whole search need of every trial, besides its score.
VALIDATION = ("val_accuracy", "val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
_PARENTS = ("search", "ablation")  # kinds of runs that have child runs


class Records(RecordedRuns):
    """The tracking store of finished searches.

    Args:
        uri: MLflow's tracking URI.

    Raises:
        UsageError: a local store does not exist, or a server refuses the user.
    """

    def search_of(self, run: RecordedRun) -> RecordedSearch:
        """All trials of the search that ``run`` belongs to.

        Raises:
            UsageError: the record of a trial is damaged.
        """
        with self.answering():
            own = self.client.get_run(run.run_id)
            search_id = quoted(own.data.tags.get("convoy.search_id", ""))
            condition = f"tags.convoy.search_id = '{search_id}'"
            runs = self._pages([own.info.experiment_id], condition)
            parents = [r for r in runs if r.data.tags.get("convoy.kind") in _PARENTS]
            trials, repeats = (self._trials(runs, kind) for kind in ("trial", "finalist"))
        return RecordedSearch(run.search, trials, _rungs(parents), repeats)

    def parent_of(self, run_id: str) -> Run | None:
        """The parent run of run ``run_id``, which stands for its search; None if it is missing.

        Raises:
            UsageError: the store does not answer.
        """
        with self.answering():
            tags = self.client.get_run(run_id).data.tags
            try:
                parent = self.client.get_run(tags.get("mlflow.parentRunId", ""))
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
        parent_tags = parent.data.tags
        same = parent_tags.get("convoy.search_id") == tags.get("convoy.search_id")
        return parent if same and parent_tags.get("convoy.kind") == "search" else None

    def annotate(
        self, run_id: str, metrics: Sequence[Metric] = (), tags: dict[str, str] | None = None
    ) -> None:
        """Log metrics and tags to a run.

        Raises:
            UsageError: the store refuses them.
        """
        with self.answering():
            run_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
            self.client.log_batch(run_id, metrics, tags=run_tags)

    def log(self, run_id: str, folder: Path, name: str, stale: Collection[str] = ()) -> None:
        """Log ``folder`` as artifact ``name`` of a run, and remove its files ``stale``.

        Raises:
            UsageError: the store refuses it.
        """
        with self.answering():
            self.client.log_artifacts(run_id, str(folder), name)
            folders = {str(Path(name, file).parent) for file in stale}
            logged = {file.path for each in folders for file in self._artifacts(run_id, each)}
            if paths := logged & {f"{name}/{file}" for file in stale}:
                uri = self.client.get_run(run_id).info.artifact_uri
                artifacts: Any = get_artifact_repository(uri, tracking_uri=self.uri)
                for path in paths:
                    artifacts.delete_artifacts(path)

    def download(self, run_id: str, name: str, folder: Path) -> None:
        """Download artifact ``name`` of a run into ``folder``, if the run has it.

        Raises:
            UsageError: the store does not answer.
        """
        with self.answering():
            if self._artifacts(run_id, name):
                self.client.download_artifacts(run_id, name, str(folder))

    def _artifacts(self, run_id: str, folder: str) -> list[FileInfo]:
        return list(self.client.list_artifacts(run_id, folder))

    def searches(self) -> list[Run]:
        """The parent runs of all searches in the store, including those in its trash.

        Raises:
            UsageError: the store does not answer.
        """
        with self.answering():
            experiments = self.client.search_experiments(view_type=ViewType.ALL)
            ids = [each.experiment_id for each in experiments]
            return self._pages(ids, "tags.convoy.kind = 'search'", ViewType.ALL)

    def _pages(
        self, experiments: list[str], condition: str, view: int = ViewType.ACTIVE_ONLY
    ) -> list[Run]:
        runs: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(experiments, condition, view, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _trials(self, runs: list[Run], kind: str) -> tuple[RecordedTrial, ...]:
        """Trials of a kind by number, without finalists that dropped out as the search grew."""
        trials = [
            self._trial(run)
            for run in runs
            if run.data.tags.get("convoy.kind") == kind and run.data.tags.get(DROPPED_OUT) != "true"
        ]
        return tuple(sorted(trials, key=lambda trial: trial.record.number))

    def _trial(self, run: Run) -> RecordedTrial:
        try:
            spec, status = recorded_spec(run), Status(run.data.tags["convoy.status"])
            history = self.history(run, tuple({spec.job.figure, *VALIDATION}))
            return RecordedTrial.of(run.info.run_id, spec, status, history)
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"the record of trial run {run.info.run_id} is damaged, or of an earlier version "
                f"({type(error).__name__}: {error})"
            ) from error

    def best_of(self, space: str, source: str) -> str:
        """Run id of the best winner among all searches of a space.

        Winners are compared by their mean over fresh seeds if known, else by their own score. The
        score is the metric of the searches, or the accuracy if their metrics differ. Only winners
        with the most validation images are compared, as fewer images give a noisier score. Among
        these, only those whose validation shortcut agrees with the label least often, as agreement
        favours models that read it. Among these, only those that meet their constraints, if any do.

        Raises:
            UsageError: the space has no finished search.
        """
        name = experiment_name(space, source)
        winners = self.winners("", name)
        if not winners:
            raise UsageError(
                f"experiment {name!r} in {self.uri} has no finished search; run one: "
                f"python -m search.run --space {space}"
            )
        metrics = {_metric(run) for run in winners}
        figure = figure_of(metrics.pop() if len(metrics) == 1 else ACCURACY)
        return str(max(winners, key=lambda run: self._evidence(run, figure)).info.run_id)

    def _evidence(self, run: Run, figure: str) -> tuple[int, float, bool, float]:
        images = int(run.data.params.get("val_images", 0))
        parent = self.parent_of(run.info.run_id)
        feasible = parent is None or parent.data.tags.get("convoy.feasible") != "false"
        score = run.data.metrics.get(f"best_{figure}", -1.0)
        if parent is not None:
            score = parent.data.metrics.get(f"winner_{figure}_mean", score)
        return images, -_val_alignment(run), feasible, score


def _rungs(parents: list[Run]) -> tuple[int, ...]:
    """The rungs of ASHA or Hyperband, read from the search's run; empty for another scheduler."""
    params = parents[0].data.params if parents else {}
    try:
        grace, factor = int(params["grace_epochs"]), int(params["reduction_factor"])
        return rungs(grace, factor, int(params["epochs"]))
    except (KeyError, ValueError):
        return ()


def _metric(run: Run) -> str:
    """The metric of a run's search; the accuracy if an earlier version or damage left none."""
    try:
        return str(json.loads(run.data.tags["convoy.job"])["metric"])
    except (KeyError, ValueError, TypeError):
        return ACCURACY


def _val_alignment(run: Run) -> float:
    """How often the shortcut of a run's validation images agrees with the label, in [0, 1]."""
    try:
        return float(json.loads(run.data.tags["convoy.job"])["data"]["val_alignment"])
    except (KeyError, ValueError, TypeError):  # an earlier version wrote it, or it is damaged
        return 1.0

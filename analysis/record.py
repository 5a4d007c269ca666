"""A run as MLflow recorded it: found, downloaded, and its network built again."""

import json
import logging
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag
from mlflow.exceptions import MlflowException
from pydantic import BaseModel
from torch import nn

from analysis.trials import History, RecordedSearch, RecordedTrial, rungs
from search.experiment import experiment_name
from search.kept import SETTING_FILE, WEIGHTS_FILE
from search.naming import is_name
from search.recorded import parsed, recorded_job
from search.scoreboard import BASELINE
from search.task import Job
from search.tracking import check_admits, check_uri, sqlite_file
from trainables import checkpoint
from trainables.data import Dataset
from trainables.errors import UsageError
from trainables.recipe import Setting, Value
from trainables.secrets import masked
from trainables.training import network

# What the figures of a whole search need of every trial.
VALIDATION = (
    "val_accuracy",
    "val_accuracy_aligned",
    "val_accuracy_conflicting",
    "digit_following",
)
_PARENTS = ("search", "ablation")  # kinds of runs that have others below them
_FINALIST = re.compile(r"finalist-(\d+)-seed-(\d+)")


@dataclass(frozen=True)
class RecordedRun:
    """A trial's record.

    Attributes:
        run_id: MLflow's.
        search: name of its search.
        setting: what was trained, and how.
        job: what it shared with the other trials: data, limits, CPUs.
        data: name, sizes and fingerprint of its data.
        best_epoch: the epoch whose weights these are.
        val_accuracy: the validation accuracy logged for that epoch.
        history: every metric's (epoch, value) pairs, in order.
        weights: state dict of the best epoch.
        settings: the record as it was written.
        values: what the trial chose, without keys of options that were not; empty if unknown.
        label: what it is called in its search: ``baseline``, a trial's number, or
            ``finalist-1-seed-2``.
        is_winner: True if it is the best of its search.
    """

    run_id: str
    search: str
    setting: Setting
    job: Job
    data: dict[str, Any]
    best_epoch: int
    val_accuracy: float
    history: History
    weights: dict[str, Any]
    settings: dict[str, Any]
    values: dict[str, Value] = field(default_factory=dict)
    label: str = ""
    is_winner: bool = False

    @property
    def described(self) -> str:
        """What the run is to its search, such as ``winner of search gap5-1 (trial 3)``."""
        place = "baseline" if self.label == BASELINE else f"trial {self.label}".strip()
        if finalist := _FINALIST.fullmatch(self.label):
            place = "finalist {}, seed {}".format(*finalist.groups())
        if self.is_winner:
            return f"winner of search {self.search} ({place})"
        return f"{place} of search {self.search}"

    def model(self, dataset: Dataset) -> nn.Module:
        """The network with the recorded weights, in eval mode.

        Raises:
            UsageError: the weights do not fit the architecture as it is now.
        """
        try:
            model = network(self.setting, dataset)
            model.load_state_dict(self.weights)
            if not all(value.isfinite().all() for value in model.state_dict().values()):
                raise RuntimeError("they are not finite")
        except (RuntimeError, TypeError, AttributeError) as error:
            raise UsageError(
                f"the weights of run {self.run_id} do not fit architecture "
                f"{self.setting.architecture} as it is here ({_one_line(error)})"
            ) from error
        return model.eval()


class Records:
    """The tracking store of finished searches.

    Args:
        uri: MLflow's tracking URI.

    Raises:
        UsageError: a local store that is not there, or a server that refuses the user.
    """

    def __init__(self, uri: str) -> None:
        self._uri = check_uri(uri)
        if uri.startswith("sqlite:") and not sqlite_file(uri).is_file():
            raise UsageError(
                f"no records at {sqlite_file(uri)}; run a search first, or give --tracking-uri"
            )
        check_admits(uri)
        for name in ("mlflow.store", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are told in a line of ours
        with self._answering():
            self._client = MlflowClient(uri)

    def load(self, run_id: str) -> RecordedRun:
        """The record of a run.

        Raises:
            UsageError: there is no such run, it has no weights, or they are damaged.
        """
        with self._answering():
            run = self._client.get_run(run_id)
            files = {file.path for file in self._client.list_artifacts(run_id)}
        if SETTING_FILE not in files:
            raise UsageError(
                f"run {run_id} has no weights; only the best few trials of a search and its "
                "baseline have"
            )
        with tempfile.TemporaryDirectory() as folder, self._answering():
            for name in (SETTING_FILE, WEIGHTS_FILE):
                self._client.download_artifacts(run_id, name, folder)
            weights = checkpoint.load(Path(folder) / WEIGHTS_FILE)
            text = (Path(folder) / SETTING_FILE).read_bytes()
            history = self._history(run)
        try:
            return _recorded(run, weights, text, history)
        except (ValueError, KeyError) as error:
            raise UsageError(
                f"the record of run {run_id} is damaged ({type(error).__name__}: {error})"
            ) from error

    def search_of(self, run: RecordedRun) -> RecordedSearch:
        """All trials of the search that ``run`` belongs to.

        Raises:
            UsageError: the record of one lacks what a trial's has.
        """
        with self._answering():
            experiment = self._client.get_run(run.run_id).info.experiment_id
            found = self._pages(experiment, f"tags.convoy.search = '{_quoted(run.search)}'")
            parents = [r for r in found if r.data.tags.get("convoy.kind") in _PARENTS]
            trials = [self._trial(r) for r in found if r.data.tags.get("convoy.kind") == "trial"]
        trials.sort(key=lambda trial: trial.number)
        return RecordedSearch(run.search, tuple(trials), _rungs(parents))

    def parent_of(self, run: RecordedRun) -> Run | None:
        """The own run of the search that ``run`` belongs to; None if it is not there.

        Raises:
            UsageError: the store does not answer.
        """
        with self._answering():
            tags = self._client.get_run(run.run_id).data.tags
            try:
                parent = self._client.get_run(tags.get("mlflow.parentRunId", ""))
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
        found = parent.data.tags
        same = all(found.get(k) == tags.get(k) for k in ("convoy.search", "convoy.search_id"))
        return parent if same and found.get("convoy.kind") == "search" else None

    def annotate(
        self, run_id: str, metrics: Sequence[Metric] = (), tags: dict[str, str] | None = None
    ) -> None:
        """Log metrics and tags to a run.

        Raises:
            UsageError: the store refuses them.
        """
        with self._answering():
            told = [RunTag(key, value) for key, value in (tags or {}).items()]
            self._client.log_batch(run_id, metrics, tags=told)

    def log(self, run_id: str, folder: Path, name: str) -> None:
        """Log ``folder`` as artifact ``name`` of a run.

        Raises:
            UsageError: the store refuses it.
        """
        with self._answering():
            self._client.log_artifacts(run_id, str(folder), name)

    def _pages(self, experiment: str, condition: str) -> list[Run]:
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs([experiment], condition, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _trial(self, run: Run) -> RecordedTrial:
        try:
            return RecordedTrial(
                run_id=run.info.run_id,
                number=int(run.data.params["trial"]),
                label=_plain(run.data.tags["convoy.label"]),
                status=run.data.tags["convoy.status"],
                values=_values(run.data.tags["convoy.values"]),
                history=self._history(run, VALIDATION),
            )
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"the record of trial run {run.info.run_id} is damaged, or of an earlier version "
                f"({type(error).__name__}: {error})"
            ) from error

    def winner_of(self, search: str) -> str:
        """Run id of a search's winner.

        Raises:
            UsageError: no such search, or it has no winner.
        """
        winners = self._winners(f"tags.convoy.search = '{_quoted(search)}'")
        if not winners:
            raise UsageError(f"search {search!r} has no winner in {self._uri}")
        return str(winners[0].info.run_id)

    def best_of(self, space: str, source: str) -> str:
        """Run id of the most accurate winner among all searches of a space.

        Only those on the most validation images are compared: a figure of fewer is more of luck.

        Raises:
            UsageError: the space has none.
        """
        name = experiment_name(space, source)
        winners = self._winners("", name)
        if not winners:
            raise UsageError(f"experiment {name!r} in {self._uri} has no finished search")
        return str(max(winners, key=_evidence).info.run_id)

    def _winners(self, condition: str, experiment: str | None = None) -> list[Run]:
        with self._answering():
            experiments = [
                found.experiment_id
                for found in self._client.search_experiments()
                if found.name.startswith("convoy/") and experiment in (None, found.name)
            ]
            parts = ["tags.convoy.winner = 'true'", *([condition] if condition else [])]
            if not experiments:
                return []
            return list(self._client.search_runs(experiments, " and ".join(parts)))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except UsageError:
            raise
        except Exception as error:  # a store raises what its database or server raises
            raise UsageError(f"{self._uri}: {_one_line(error)}") from error

    def _history(self, run: Run, names: tuple[str, ...] | None = None) -> History:
        return {
            name: sorted(
                (point.step, point.value)
                for point in self._client.get_metric_history(run.info.run_id, name)
            )
            for name in run.data.metrics
            if names is None or name in names
        }


def _rungs(parents: list[Run]) -> tuple[int, ...]:
    """ASHA's rungs as the search's own run tells them; none where it does not."""
    params = parents[0].data.params if parents else {}
    try:
        grace, factor = int(params["grace_epochs"]), int(params["reduction_factor"])
        return rungs(grace, factor, int(params["epochs"]))
    except (KeyError, ValueError):
        return ()


def _evidence(run: Run) -> tuple[int, float]:
    images = int(run.data.params.get("val_images", 0))
    return images, run.data.metrics.get("best_val_accuracy", -1.0)


class _Data(BaseModel):
    name: str
    train: int
    val: int
    fingerprint: str


class _Kept(BaseModel):
    """What is read of a ``setting.json``."""

    setting: Setting
    job: dict[str, Any]
    data: _Data
    best_epoch: int
    device: str
    validation_dtype: str
    versions: dict[str, str]


def _recorded(run: Run, weights: dict[str, Any], text: bytes, history: History) -> RecordedRun:
    """The record, whose values may be anything that someone wrote into the store.

    Raises:
        ValueError: one is not what it should be; KeyError where it is missing.
    """
    kept: _Kept = parsed(_Kept, text)
    tags, accuracy = run.data.tags, run.data.metrics["best_val_accuracy"]
    for name in (run.info.run_id, tags["convoy.search"], kept.data.name):
        if not is_name(name):  # the first two become names of folders
            raise ValueError(f"{name!r} is not the name of a run, search or data set")
    if not 0 <= accuracy <= 1 or not 1 <= kept.best_epoch <= kept.setting.epochs:
        raise ValueError(f"epoch {kept.best_epoch} with accuracy {accuracy} cannot be the best")
    _check_history(history)
    written = json.loads(text)
    return RecordedRun(
        run_id=run.info.run_id,
        search=tags["convoy.search"],
        setting=Setting.from_dict(written["setting"]),
        job=recorded_job(json.dumps(kept.job)),
        data=written["data"],
        best_epoch=kept.best_epoch,
        val_accuracy=accuracy,
        history=history,
        weights=weights,
        settings=written,
        values=_values(tags.get("convoy.values", "{}")),
        label=_plain(tags["convoy.label"]),
        is_winner=tags.get("convoy.winner") == "true",
    )


def _check_history(history: History) -> None:
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"):
        if not history.get(name):
            raise KeyError(name)
    if not all(math.isfinite(value) for points in history.values() for _, value in points):
        raise ValueError("a figure of its history is not finite")


def _values(text: str) -> dict[str, Value]:
    values: dict[str, Value] = parsed(dict[str, Value], text)
    for part in (*values, *(value for value in values.values() if isinstance(value, str))):
        _plain(part)
    return values


def _plain(text: str) -> str:
    """``text``, if it may stand in a terminal and in a figure, where $ begins a formula."""
    if not text.isprintable() or "$" in text:
        raise ValueError(f"{text!r} holds characters that cannot be shown")
    return text


def _quoted(text: str) -> str:
    if "'" in text or "\\" in text:
        raise UsageError(f"{text!r} is not the name of a search")
    return text


def _one_line(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:300]

"""Reads a run from MLflow: looks it up, downloads it, and builds its network and data again."""

import json
import logging
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Run
from torch import nn

from search.records.artifacts import find_artifacts
from search.records.ownership import folder_of, id_in, original_of
from search.records.parsing import (
    History,
    check_history,
    check_plain,
    parsed,
    plain,
    quoted,
    recorded_job,
    recorded_spec,
    values_of,
)
from search.records.saved_model import SETTING_FILE, WEIGHTS_FILE, SavedModel
from search.records.tracking import check_admits, check_uri, sqlite_file
from search.space.naming import is_name
from search.trials.provenance import Provenance
from search.trials.record import Status, TrialRecord
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables import checkpoint
from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.data import Dataset, load
from trainables.data.region_swap import Region
from trainables.recipe import Setting, Value
from trainables.training import network

_FINALIST = re.compile(r"finalist-(\d+)-seed-(\d+)")


@dataclass(frozen=True)
class RecordedRun:
    """A trial's run in MLflow.

    Attributes:
        run_id: MLflow's id of the run.
        search: name of its search.
        record: the trial; ``weights`` are those of its best epoch.
        setting: the network and its training.
        data: name, sizes and fingerprint of its data.
        history: (epoch, value) pairs of every metric, in order.
        weights: state dict of the best epoch; empty if the run has none.
        provenance: the software and hardware of the training.
        is_winner: True if it is the winner of its search.
    """

    run_id: str
    search: str
    record: TrialRecord
    setting: Setting
    data: dict[str, Any]
    history: History
    weights: dict[str, Any]
    provenance: Provenance
    is_winner: bool = False

    @property
    def job(self) -> Job:
        """What the trial shared with the others: data, limits and CPUs."""
        return self.record.spec.job

    @property
    def values(self) -> dict[str, Value]:
        """The trial's values, without keys of options that it did not choose; empty if unknown."""
        return self.record.values

    @property
    def label(self) -> str:
        """``baseline``, a trial's number, or ``finalist-1-seed-2``."""
        return self.record.label

    @property
    def best_epoch(self) -> int:
        """The epoch that ``weights`` come from."""
        return self.record.best_epoch

    @property
    def val_accuracy(self) -> float:
        """The validation accuracy that was logged for that epoch, in [0, 1]."""
        return self.record.best[figure_of(ACCURACY)]

    @property
    def score(self) -> float:
        """The score that was logged for that epoch, by the metric that judges the run."""
        return self.record.best_score

    @property
    def attended_region(self) -> Region | None:
        """The place where ``region_swap: attended`` exchanged patches."""
        places = [self.history.get(name) for name in ("attended_row", "attended_column")]
        row, column = (int(place[-1][1]) if place else None for place in places)
        return None if row is None or column is None else (row, column)

    @property
    def described(self) -> str:
        """The run's place in its search, such as ``winner of search gap5-1 (trial 3)``."""
        place = "baseline" if self.label == BASELINE else f"trial {self.label}".strip()
        if finalist := _FINALIST.fullmatch(self.label):
            place = "finalist {}, seed {}".format(*finalist.groups())
        if self.is_winner:
            return f"winner of search {self.search} ({place})"
        return f"{place} of search {self.search}"

    def dataset(self, source: str) -> Dataset:
        """The run's data from ``source``, limited as in the search.

        Raises:
            UsageError: ``source`` holds other data than the run was trained on.
        """
        whole = load(self.job.data, source)
        if whole.fingerprint != self.data["fingerprint"]:
            raise UsageError(
                f"the data in {source} (fingerprint {whole.fingerprint[:12]}) are not those of run "
                f"{self.run_id} ({self.data['name']}, {self.data['fingerprint'][:12]}); give the "
                "run's data as --data"
            )
        return whole.limited(self.job.train_limit, self.job.val_limit)

    def model(self, dataset: Dataset) -> nn.Module:
        """The network with the recorded weights, in eval mode.

        Raises:
            UsageError: there are no weights, or they do not fit the present architecture.
        """
        if not self.weights:
            raise UsageError(f"run {self.run_id} has no {WEIGHTS_FILE}; it was removed")
        try:
            model = network(self.setting, dataset)
            model.load_state_dict(self.weights)
            if not all(value.isfinite().all() for value in model.state_dict().values()):
                raise RuntimeError("they are not finite")
        except (RuntimeError, TypeError, AttributeError) as error:
            raise UsageError(
                f"the weights of run {self.run_id} do not fit architecture "
                f"{self.setting.architecture} in this version ({_line(error)})"
            ) from error
        return model.eval()


class RecordedRuns:
    """The runs of finished searches in a tracking store.

    Args:
        uri: MLflow's tracking URI.
        out: the folder of searches.

    Raises:
        UsageError: the local store does not exist, or the server refuses the user.
    """

    def __init__(self, uri: str, out: Path = Path("runs")) -> None:
        self.uri, self._out = check_uri(uri), out.resolve()
        if self.uri.startswith("sqlite:") and not sqlite_file(self.uri).is_file():
            raise UsageError(
                f"no records at {sqlite_file(self.uri)}; run a search first, or give --tracking-uri"
            )
        check_admits(self.uri)
        find_artifacts(self.uri, self._out)
        for name in ("alembic", "mlflow.store", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported in one line
        with self.answering():
            self.client = MlflowClient(self.uri)

    def load(self, run_id: str) -> RecordedRun:
        """The record of a run.

        Raises:
            UsageError: there is no such run, or its record is missing or damaged.
        """
        with self.answering():
            run = self.client.get_run(run_id)
            files = {file.path for file in self.client.list_artifacts(run_id)}
        if SETTING_FILE not in files:
            raise UsageError(_without_record(run))
        with tempfile.TemporaryDirectory() as folder, self.answering():
            for name in files & {SETTING_FILE, WEIGHTS_FILE}:
                self.client.download_artifacts(run_id, name, folder)
            file = Path(folder) / WEIGHTS_FILE
            weights = checkpoint.load(file) if file.exists() else {}
            text = (Path(folder) / SETTING_FILE).read_bytes()
            history = self.history(run)
        try:
            return replace(recorded_run(run, weights, text, history), search=self.name_of(run))
        except (ValueError, KeyError) as error:
            raise UsageError(
                f"the record of run {run_id} is damaged ({type(error).__name__}: {error})"
            ) from error

    def history(self, run: Run, names: tuple[str, ...] | None = None) -> History:
        """All (epoch, value) pairs of a run's metrics, or only of ``names``, in order."""
        return {
            name: sorted(
                (point.step, point.value)
                for point in self.client.get_metric_history(run.info.run_id, name)
            )
            for name in run.data.metrics
            if names is None or name in names
        }

    def winner_of(self, search: str) -> str:
        """The run id of a search's winner.

        Raises:
            UsageError: there is no such search, or it has no winner.
        """
        winners = self.of_search(search, lambda condition: self.winners(condition))
        if not winners:
            raise UsageError(
                f"search {search!r} has no winner in {self.uri}; name another, or give its "
                "store as --tracking-uri"
            )
        return str(winners[0].info.run_id)

    def of_search(self, name: str, ask: Callable[[str], list[Run]]) -> list[Run]:
        """The runs of a search: those with the id in its folder, else those with its name.

        Args:
            name: name of the search.
            ask: returns the store's runs that meet a condition of MLflow's.

        Raises:
            UsageError: the folder is a copy that was not recorded yet.
        """
        for out in self._outs if is_name(name) else ():
            if (search_id := id_in(out / name)) is None:
                continue
            self.check_recorded(out / name)
            if runs := ask(f"tags.convoy.search_id = '{quoted(search_id)}'"):
                return runs
        return ask(f"tags.convoy.search = '{quoted(name)}'")

    def check_recorded(self, folder: Path) -> None:
        """Raise UsageError if the search in ``folder`` is a copy that was not recorded yet."""
        if id_in(folder) and (original := original_of(folder, self.uri)):
            where = shlex.join([folder.name, "--out", str(folder.parent)])
            raise UsageError(
                f"search {folder.name!r} is a copy of {original.name!r} and is not recorded yet; "
                f"record it: python -m search.reconcile {where}"
            )

    def name_of(self, run: Run) -> str:
        """The name of a run's search, which is the present name of its folder."""
        tags = run.data.tags
        name, search_id = tags["convoy.search"], tags.get("convoy.search_id", "")
        folders = (folder_of(search_id, name, out) for out in self._outs)
        return next((folder.name for folder in folders if folder is not None), name)

    @property
    def _outs(self) -> list[Path]:
        """Where searches may lie: beside a local store, or where the user is."""
        local = self.uri.startswith("sqlite:")
        return [self._out, *([sqlite_file(self.uri).parent] if local else [])]

    def winners(self, condition: str, experiment: str | None = None) -> list[Run]:
        """The winners of searches that meet MLflow's ``condition``, in all experiments or in one.

        Raises:
            UsageError: the store does not answer.
        """
        with self.answering():
            experiments = [
                each.experiment_id
                for each in self.client.search_experiments()
                if each.name.startswith("convoy/") and experiment in (None, each.name)
            ]
            parts = ["tags.convoy.winner = 'true'", *([condition] if condition else [])]
            if not experiments:
                return []
            return list(self.client.search_runs(experiments, " and ".join(parts)))

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn whatever the store raises into a UsageError."""
        try:
            yield
        except UsageError:
            raise
        except Exception as error:  # a store raises whatever its database or server raises
            raise UsageError(f"{self.uri}: {_line(error)}") from error


def recorded_run(run: Run, weights: dict[str, Any], text: bytes, history: History) -> RecordedRun:
    """The record of a run, checked, as anyone may have written into the store.

    Raises:
        ValueError: a value is not valid.
        KeyError: a value is missing.
    """
    saved: SavedModel = parsed(SavedModel, text)
    provenance: Provenance = parsed(Provenance, text)
    check_plain(provenance)
    tags, job = run.data.tags, recorded_job(json.dumps(saved.job))
    best = {name: run.data.metrics[f"best_{name}"] for name in (job.figure, figure_of(ACCURACY))}
    for name in (run.info.run_id, tags["convoy.search"], saved.data.name):
        if not is_name(name):  # the first two become folder names
            raise ValueError(f"{name!r} is not the name of a run, search or data set")
    for name, value in best.items():
        if not 0 <= value <= 1 or not 1 <= saved.best_epoch <= saved.setting.epochs:
            raise ValueError(f"epoch {saved.best_epoch} with {name} {value} cannot be the best")
    check_history(history, job.figure)
    spec = TrialSpec(
        job,
        int(run.data.params.get("trial", "0")),
        values_of(tags.get("convoy.values", "{}")),
        plain(tags["convoy.label"]),
    )
    document = json.loads(text)
    return RecordedRun(
        run_id=run.info.run_id,
        search=tags["convoy.search"],
        record=TrialRecord(
            spec,
            saved.trial_id,
            Status(tags.get("convoy.status", Status.COMPLETED)),
            best_epoch=saved.best_epoch,
            best=best,
        ),
        setting=Setting(**document["setting"]),
        data=document["data"],
        history=history,
        weights=weights,
        provenance=provenance,
        is_winner=tags.get("convoy.winner") == "true",
    )


def _without_record(run: Run) -> str:
    """The reason why a run cannot be loaded."""
    uri, name = str(run.info.artifact_uri), run.data.tags.get("convoy.search", "NAME")
    folder = Path(unquote(urlsplit(uri).path)).parents[1]
    if uri.startswith("file:") and not folder.is_dir():
        return (
            f"run {run.info.run_id}: its weights were in {folder}, which no longer exists; if the "
            f"search was moved, run python -m search.reconcile {name} --out FOLDER_OF_SEARCHES"
        )
    return (
        f"run {run.info.run_id} has no weights and no {SETTING_FILE}; only a search's best few "
        "trials and its baseline have them"
    )


def _line(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:300]


def spec_and_space(uri: str, run_id: str, flag: str = "--run") -> tuple[TrialSpec, str]:
    """The spec of a trial's run, and the name of its space.

    Args:
        uri: MLflow's tracking URI.
        run_id: id of the run.
        flag: the flag that named it, for errors.

    Raises:
        UsageError: there is no such run, or it does not belong to a trial.
    """
    try:
        runs = RecordedRuns(uri)
        with runs.answering():
            run = runs.client.get_run(run_id)
            experiment = runs.client.get_experiment(run.info.experiment_id).name
    except UsageError as error:
        raise UsageError(f"{flag} {run_id}: {error}") from error
    space = experiment.removeprefix("convoy/").removesuffix("-embedded")
    try:
        if not is_name(space):  # it becomes the name of an artifact folder
            raise ValueError(f"{space!r} is not the name of a space")
        return recorded_spec(run), space
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{flag} {run_id} is not the run of a trial that can be trained again "
            f"({type(error).__name__}: {error})"
        ) from error

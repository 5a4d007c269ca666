"""Removes the MLflow runs of a search from their store, with everything that belongs to them."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from search.records.artifacts import find_artifacts
from search.records.disk_use import size_of
from search.records.parsing import quoted
from search.records.registry import pass_alias_on, registered_name
from search.records.tracking import check_admits, check_uri, sqlite_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked

_PAGE = 1000
_LOCAL = ("", "file")


@dataclass(frozen=True)
class SearchRuns:
    """Everything that a store holds of a search.

    Attributes:
        runs: the runs of the search and its trials, including those marked as deleted.
        models: models that were logged to these runs.
        versions: versions from these runs of the models under which Convoy registers winners.
        other_versions: versions from these runs that a user registered under another name.
    """

    runs: tuple[Run, ...] = ()
    models: tuple[LoggedModel, ...] = ()
    versions: tuple[ModelVersion, ...] = ()
    other_versions: tuple[ModelVersion, ...] = ()

    @property
    def bytes(self) -> int:
        """The bytes of the runs' artifacts that are on this machine."""
        return sum(size_of(folder) for folder in map(_folder, self._places) if folder)

    @property
    def _places(self) -> list[tuple[str, str]]:
        """The places of the artifacts: for each run and model its id and URI."""
        runs = [(run.info.run_id, run.info.artifact_uri) for run in self.runs]
        return runs + [(model.model_id, model.artifact_location) for model in self.models]


class SearchDisposal:
    """Removes the runs of searches from one store.

    Args:
        uri: MLflow's tracking URI.
        out: the folder of the searches.

    Raises:
        UsageError: the store does not answer, or refuses the user.
    """

    def __init__(self, uri: str, out: Path) -> None:
        self.uri = check_uri(uri)
        for name in ("alembic", "mlflow.store", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are reported in one line
        self._absent = uri.startswith("sqlite:") and not sqlite_file(uri).is_file()
        if not self._absent:
            check_admits(self.uri)
            find_artifacts(self.uri, out)
            with self._answering():
                self._client = MlflowClient(self.uri)
                self._experiments = {
                    each.experiment_id: each.name
                    for each in _pages(self._client.search_experiments, view_type=ViewType.ALL)
                    if each.name.startswith("convoy/")
                }

    @property
    def frees(self) -> bool:
        """True if runs are removed permanently; a server only marks them as deleted."""
        return not self.uri.startswith(("http:", "https:"))

    def runs_of(self, search_id: str) -> SearchRuns:
        """What the store holds of the search with this id."""
        if self._absent or not self._experiments:
            return SearchRuns()
        with self._answering():
            condition = f"tags.`convoy.search_id` = '{quoted(search_id)}'"
            ask = self._client.search_runs
            asked: dict[str, Any] = {"run_view_type": ViewType.ALL, "filter_string": condition}
            experiments = list(self._experiments)
            runs = tuple(_pages(ask, experiment_ids=experiments, **asked))
            ids = {run.info.run_id for run in runs}
            models = _pages(self._client.search_logged_models, experiment_ids=experiments)
            names = {registered_name(self._experiments[run.info.experiment_id]) for run in runs}
            versions = [self._whole(each) for each in self._versions() if each.run_id in ids]
            return SearchRuns(
                runs,
                tuple(each for each in models if each.source_run_id in ids),
                tuple(each for each in versions if each.name in names),
                tuple(each for each in versions if each.name not in names),
            )

    def _versions(self) -> list[ModelVersion]:
        """All versions of registered models; none if the store has no registry."""
        try:
            return list(_pages(self._client.search_model_versions))
        except MlflowException:
            return []

    def _whole(self, version: ModelVersion) -> ModelVersion:
        """A version with its aliases, which a list of versions lacks."""
        return self._client.get_model_version(version.name, version.version)

    def remove(self, stored: SearchRuns) -> None:
        """Remove the runs, their artifacts and the model versions that point to them.

        An interrupted removal can be repeated. Runs are first marked as deleted, so that a store
        that cannot be written to loses nothing.

        Raises:
            UsageError: the store refuses.
        """
        if not stored.runs:
            return
        with self._answering():
            ids = {run.info.run_id for run in stored.runs}
            staying = [each for each in self._versions() if each.run_id not in ids]
            for version in stored.versions:
                namesakes = [each for each in staying if each.name == version.name]
                pass_alias_on(self._client, version, namesakes)
            for version in (*stored.versions, *stored.other_versions):
                self._client.delete_model_version(version.name, version.version)
            for run in stored.runs:
                if run.info.lifecycle_stage == "active":
                    self._client.delete_run(run.info.run_id)
            for model in stored.models:
                self._client.delete_logged_model(model.model_id)
            if self.frees:
                self._free(stored)

    def _free(self, stored: SearchRuns) -> None:
        """Remove these runs as ``mlflow gc`` removes all runs that are marked as deleted."""
        store = SqlAlchemyStore(self.uri, "")  # type: ignore[no-untyped-call]
        try:
            for model in stored.models:
                _remove_artifacts(model.model_id, model.artifact_location)
                store._hard_delete_logged_model(model.model_id)  # type: ignore[no-untyped-call]
            for run in stored.runs:
                _remove_artifacts(run.info.run_id, run.info.artifact_uri)
                store._hard_delete_run(run.info.run_id)  # type: ignore[no-untyped-call]
        finally:
            store.engine.dispose()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn whatever the store raises into a UsageError."""
        try:
            yield
        except UsageError:
            raise
        except Exception as error:  # a store raises whatever its database or server raises
            line = masked(" ".join(str(error).split()))[:300]
            raise UsageError(f"{self.uri}: {line}") from error


def _pages(ask: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    """All results of one of the client's queries, from one page after the other."""
    token = None
    while True:
        page = ask(**asked, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _folder(place: tuple[str, str]) -> Path | None:
    """The local folder that holds only this run or model; None if it is on another machine.

    MLflow names it by the run's id and puts ``artifacts`` into it.
    """
    known_by, uri = place
    parts = urlsplit(uri)
    folder = Path(unquote(parts.path)).parent
    local = parts.scheme in _LOCAL and folder.is_absolute()
    return folder if local and folder.name == known_by and not folder.is_symlink() else None


def _remove_artifacts(known_by: str, uri: str) -> None:
    folder = _folder((known_by, uri))
    if folder is not None and folder.is_dir():
        shutil.rmtree(folder)
    elif urlsplit(uri).scheme not in _LOCAL:
        get_artifact_repository(uri).delete_artifacts()  # type: ignore[no-untyped-call]

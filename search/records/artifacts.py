"""The folders of MLflow's artifacts, also after a store was moved."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from search.records.experiment import TAGS
from search.records.tracking import sqlite_file

_BESIDE = "convoy.artifacts"  # a tag: an experiment's folder, relative to the store's folder


def make_experiment(client: MlflowClient, name: str, uri: str, artifacts: Path | None) -> str:
    """The id of experiment ``name`` in the store at ``uri``, which is made if it is missing.

    Args:
        client: client of the store.
        name: name of the experiment.
        uri: URI of the store.
        artifacts: folder for the artifacts of a local store; None lets the server choose.
    """
    existing = client.get_experiment_by_name(name)
    if existing is not None:
        return str(existing.experiment_id)
    try:
        return _create_experiment(client, name, uri, artifacts)
    except MlflowException as error:  # another search may just have made it
        existing = client.get_experiment_by_name(name)
        if existing is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(existing.experiment_id)


def _create_experiment(client: MlflowClient, name: str, uri: str, artifacts: Path | None) -> str:
    if artifacts is None:
        return str(client.create_experiment(name, None, TAGS))
    folder = artifacts / name
    folder.mkdir(parents=True, exist_ok=True)  # a missing folder counts as moved
    inside = uri.startswith("sqlite:") and folder.is_relative_to(sqlite_file(uri).parent)
    tag = {_BESIDE: str(folder.relative_to(sqlite_file(uri).parent))} if inside else {}
    return str(client.create_experiment(name, folder.as_uri(), TAGS | tag))


def find_artifacts(uri: str, runs: Path, *, writing: bool = False) -> None:
    """Correct the artifact paths of a local store that was moved, or whose searches were.

    MLflow records absolute paths. Paths below the store's folder move with it; others become paths
    below ``runs`` if the old folder is gone. A store that cannot be written to stays as it is.

    Args:
        uri: URI of the store.
        runs: the folder of searches.
        writing: artifacts will be written, so a folder without artifacts is accepted.
    """
    file = sqlite_file(uri)
    if not uri.startswith("sqlite:") or not file.is_file():
        return
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(file, timeout=10)) as store,
        store,
    ):
        for experiment, name, location, tag in store.execute(_EXPERIMENTS, (_BESIDE,)).fetchall():
            runs_of = store.execute(_RUNS, (experiment,)).fetchall()
            before = Path(unquote(urlsplit(location).path))
            near_store = file.parent / (tag or f"artifacts/{name}")
            places = [near_store, *([] if before.is_dir() else [runs / "artifacts" / name])]
            held = [each for each in places if any((each / run).is_dir() for (run,) in runs_of)]
            after = near_store if tag else next(iter(held), before)
            if writing and not tag and after == before and not before.is_dir():
                after = places[-1]
            if after == near_store and not tag:
                store.execute(_TAG, (_BESIDE, str(near_store.relative_to(file.parent)), experiment))
            if after != before:
                store.execute(_MOVE_EXPERIMENT, (after.as_uri(), experiment))
                store.execute(_MOVE_RUNS, (after.as_uri(), len(location) + 1, experiment, location))


_EXPERIMENTS = """
select e.experiment_id, e.name, e.artifact_location, t.value from experiments e left join
experiment_tags t on t.experiment_id = e.experiment_id and t.key = ?
where e.name like 'convoy/%' and e.artifact_location like 'file:%'"""
_RUNS = "select run_uuid from runs where experiment_id = ?"
_TAG = "insert into experiment_tags (key, value, experiment_id) values (?, ?, ?)"
_MOVE_EXPERIMENT = "update experiments set artifact_location = ? where experiment_id = ?"
_MOVE_RUNS = """
update runs set artifact_uri = ? || substr(artifact_uri, ?)
where experiment_id = ? and instr(artifact_uri, ?) = 1"""

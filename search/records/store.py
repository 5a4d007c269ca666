"""Makes a local MLflow store in one step, from an empty one in the cache."""

import hashlib
import sqlite3
import tempfile
import time
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.uri import append_to_uri_path, resolve_uri_if_local

from search.records.tracking import sqlite_file, sqlite_uri
from trainables.data.cache import cache_folder


def make_store(uri: str) -> None:
    """Make a local SQLite store unless it exists; other kinds of store are left alone.

    MLflow makes a store in some sixty steps, and a store left between two of them cannot be opened.
    """
    path = sqlite_file(uri)
    if not uri.startswith("sqlite:///") or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        scratch = Path(folder) / path.name
        _make(scratch, (path.parent / "artifacts").as_uri())
        with suppress(OSError):  # it exists by now; or links are not possible and MLflow makes it
            path.hardlink_to(scratch)


def _make(file: Path, artifacts: str) -> None:
    """Copy this MLflow's empty store to ``file``; the first time MLflow makes it.

    Args:
        file: a file that does not exist yet.
        artifacts: URI of the folder for the artifacts of all experiments.
    """
    cached = _cached()
    if cached is not None:
        file.write_bytes(cached)
        _place(file, artifacts)
    else:
        store = SqlAlchemyStore(sqlite_uri(file), artifacts)  # type: ignore[no-untyped-call]
        store.engine.dispose()
        with suppress(OSError):  # a search works without a cache
            _cache(file.read_bytes())


def _place(file: Path, artifacts: str) -> None:
    """Write the one path in a new store: the artifact folder of its first experiment."""
    root = resolve_uri_if_local(artifacts)  # type: ignore[no-untyped-call]
    place = append_to_uri_path(root, "0")  # type: ignore[no-untyped-call]
    now = int(1000 * time.time())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ?, creation_time = ?, last_update_time = ?",
            (place, now, now),
        )


def _cached() -> bytes | None:
    """The cached empty store of this MLflow version; None if there is none, or a damaged one."""
    with suppress(OSError):
        for file in cache_folder().glob(_name("*")):
            content = file.read_bytes()
            if file.name == _name(_digest(content)):
                return content
            file.unlink(missing_ok=True)
    return None


def _cache(content: bytes) -> None:
    """Write an empty store to the cache, whole or not at all."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".mlflow-") as scratch:
        file = Path(scratch) / "store"
        file.write_bytes(content)
        file.replace(folder / _name(_digest(content)))


def _name(digest: str) -> str:
    return f"mlflow-{version('mlflow')}-{digest}.db"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]

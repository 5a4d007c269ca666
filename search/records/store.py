"""A local MLflow store, made whole or not at all."""

import tempfile
from contextlib import suppress
from pathlib import Path

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from search.records.tracking import sqlite_file, sqlite_uri


def make_store(uri: str) -> None:
    """Make a local SQLite store unless it exists; nothing for a store of another kind.

    MLflow makes one in some sixty steps, and one that was left between them cannot be opened.
    """
    path = sqlite_file(uri)
    if not uri.startswith("sqlite:///") or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        scratch = Path(folder) / path.name
        place = sqlite_uri(scratch), (path.parent / "artifacts").as_uri()
        store = SqlAlchemyStore(*place)  # type: ignore[no-untyped-call]
        store.engine.dispose()
        with suppress(OSError):  # it exists by now; or links do not, and MLflow makes it
            path.hardlink_to(scratch)

"""Stores of records that a test may change."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from conftest import FinishedSearch


def copied_store(finished: FinishedSearch, folder: Path) -> str:
    """A copy, in ``folder``, of a search's store and artifacts; its URI.

    SQLite makes it: to open and close the file beside SQLite would drop the locks of the clients
    that this process has open, and what other processes write later would stay hidden from them.
    """
    shutil.copytree(finished.out / "artifacts", folder / "artifacts")
    with (
        closing(sqlite3.connect(finished.out / "mlflow.db")) as store,
        closing(sqlite3.connect(folder / "mlflow.db")) as database,
        database,
    ):
        store.backup(database)
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(
                f"update {table} set {column} = replace({column}, ?, ?)",
                (str(finished.out), str(folder)),
            )
    return f"sqlite:///{folder}/mlflow.db"

"""An empty MLflow store, made once: SQLite copies it in a moment."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search.records.about import Place
from search.records.store import make_store


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("store") / "empty.db"
    make_store(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def new_place(_empty: Path) -> Callable[[Path], Place]:
    """A function that makes an empty store in a folder; where a search ``s`` is recorded there."""

    def make(folder: Path) -> Place:
        with (
            closing(sqlite3.connect(_empty)) as source,
            closing(sqlite3.connect(folder / "mlflow.db")) as copy,
        ):
            source.backup(copy)
        return Place(f"sqlite:///{folder / 'mlflow.db'}", "convoy/test", str(folder / "a"), "s")

    return make


@pytest.fixture
def place(new_place: Callable[[Path], Place], tmp_path: Path) -> Place:
    return new_place(tmp_path)

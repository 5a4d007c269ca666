import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from search.records.store import make_store
from search.records.tracking import sqlite_uri

MAKE = "import sys; from search.records.store import make_store; make_store(sys.argv[1])"


def making(uri: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", MAKE, uri], cwd=ROOT)


def names(uri: str) -> list[str]:
    return [each.name for each in MlflowClient(uri).search_experiments()]


def test_a_store_whose_maker_was_killed_can_be_made(tmp_path: Path):
    file = tmp_path / "mlflow.db"
    uri = f"sqlite:///{file}"
    maker = making(uri)
    while not any(tmp_path.glob(".mlflow.db-*/mlflow.db")) and maker.poll() is None:
        time.sleep(0.01)
    maker.kill()
    maker.wait()
    make_store(uri)
    assert names(uri) == ["Default"]


def test_two_who_make_a_store_at_once_share_it(tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}"
    assert [maker.wait() for maker in [making(uri), making(uri)]] == [0, 0]
    assert names(uri) == ["Default"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mlflow.db"]


def test_a_store_that_is_there_is_left_alone(tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    make_store(uri)
    MlflowClient(uri).create_experiment("mine")
    make_store(uri)
    assert sorted(names(uri)) == ["Default", "mine"]


def test_a_server_needs_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    make_store("http://127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CONVOY_CACHE", str(folder))
    return folder


def rows(file: Path) -> list[str]:
    """What a store has and holds, but for when its first experiment was made."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE experiments SET creation_time = 0, last_update_time = 0")
        made = connection.execute("SELECT type || ' ' || name FROM sqlite_master").fetchall()
        held = [line for line in connection.iterdump() if line.startswith("INSERT")]
        return sorted([*held, *(name for (name,) in made)])


@pytest.fixture
def no_migrations(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache has an empty store, and MLflow can make none."""
    make_store(f"sqlite:///{tmp_path / 'first' / 'mlflow.db'}")
    monkeypatch.setattr("search.records.store.SqlAlchemyStore", None)


@pytest.mark.parametrize("folder", ["runs", "50% of #2?", "ünï/a"])
def test_a_copy_of_the_cached_store_is_what_mlflow_makes(cache, tmp_path: Path, folder: str):
    file, other = tmp_path / folder / "mlflow.db", tmp_path / folder / "other.db"
    file.parent.mkdir(parents=True)
    store = SqlAlchemyStore(sqlite_uri(other), (file.parent / "artifacts").as_uri())
    store.engine.dispose()
    make_store(f"sqlite:///{tmp_path / 'first' / 'mlflow.db'}")
    make_store(sqlite_uri(file))
    assert rows(file) == rows(other)


def test_the_second_store_is_made_without_migrations(no_migrations, tmp_path: Path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    make_store(uri)
    assert names(uri) == ["Default"]


@pytest.mark.parametrize("bytes_left", [slice(0), slice(-1), slice(1, None)])
def test_a_damaged_store_in_the_cache_is_made_anew(cache, tmp_path: Path, bytes_left: slice):
    make_store(f"sqlite:///{tmp_path / 'first' / 'mlflow.db'}")
    [cached] = cache.iterdir()
    cached.write_bytes(cached.read_bytes()[bytes_left])
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    make_store(uri)
    assert names(uri) == ["Default"]
    [again] = cache.iterdir()
    assert sha256(again.read_bytes()).hexdigest().startswith(again.stem.rpartition("-")[2])


def test_a_store_of_another_mlflow_in_the_cache_is_not_used(cache, tmp_path: Path, monkeypatch):
    make_store(f"sqlite:///{tmp_path / 'first' / 'mlflow.db'}")
    monkeypatch.setattr("search.records.store.version", lambda _: "99.0")
    make_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert sorted(path.name.split("-")[1] for path in cache.iterdir()) == [
        version("mlflow"),
        "99.0",
    ]


def test_a_cache_that_cannot_be_written_is_done_without(cache, tmp_path: Path):
    cache.write_text("a file where the folder should be")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    make_store(uri)
    assert names(uri) == ["Default"]

import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from mlflow import MlflowClient

from search.records.store import make_store

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

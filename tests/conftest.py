"""Fixtures that several tests share: a cache of their own, and one small search."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from trainables.data import Dataset, DataSpec, load
from trainables.data.cifar import CIFAR_FILES, MNIST_FILES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Built sets of the tests do not mix with the user's."""
    os.environ["CONVOY_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _no_remembered_artifacts() -> Iterator[None]:
    """A run's artifacts are looked for where its store has them.

    MLflow remembers that place by the run's id alone, for as long as the process lasts; a run of a
    copied store would be read from, and written to, the store that another test opened before.
    """
    yield
    remembered = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if remembered:
        remembered._artifact_repos_cache.clear()


@pytest.fixture(scope="session")
def embedded() -> Dataset:
    return load(DataSpec("composite"), "embedded")


@pytest.fixture(scope="session")
def real_data() -> str:
    """Folder of CIFAR-10 and MNIST; tests that want it are skipped where there is none."""
    folder = Path(os.environ.get("CONVOY_DATA", "data")).resolve()
    if not all((folder / name).is_file() for name in (*CIFAR_FILES, *MNIST_FILES)):
        pytest.skip(f"no CIFAR-10 and MNIST in {folder}; set CONVOY_DATA")
    return str(folder)


@pytest.fixture(scope="session")
def composite(real_data: str) -> Dataset:
    return load(DataSpec("composite"), real_data)


@dataclass(frozen=True)
class FinishedSearch:
    """A small search of the embedded set that was run through the command line."""

    status: int
    out: Path
    name: str
    printed: str

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.out / 'mlflow.db'}"

    @property
    def summary(self) -> dict:
        return json.loads((self.out / self.name / "summary.json").read_text())

    def configs(self) -> list[dict]:
        """What every trial was asked to do, in order, as Tune wrote it down."""
        files = sorted((self.out / self.name).glob("trial-*/params.json"))
        return [json.loads(path.read_text()) for path in files]

    def histories(self) -> list[list[dict]]:
        """What every trial reported, in order."""
        files = sorted((self.out / self.name).glob("trial-*/result.json"))
        return [[json.loads(line) for line in path.read_text().splitlines()] for path in files]


SMALL = ["--data", "embedded", "--train-limit", "600", "--val-limit", "300", "--epochs", "4"]
SMALL += ["--finalists", "0"]


def run_small_search(
    out: Path, name: str, *flags: str, space: str = "gap5", resume: bool = False
) -> FinishedSearch:
    """Run ``python -m search.run`` as a user does, on little data, or go on with it."""
    new = ["--space", space, *SMALL, "--name", name]
    asked = ["--resume", name] if resume else new
    command = [sys.executable, "-m", "search.run", *asked, "--out", str(out), *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    return FinishedSearch(done.returncode, out, name, done.stdout + done.stderr)


# One kind of schedule, so that six trials on one ladder are enough for ASHA to stop some; and one
# thread, on which a training repeats every bit.
FLAGS = ("--trials", "6", "--seed", "1", "--set", "schedule=cosine")
FLAGS += ("--concurrency", "1", "--cpus-per-trial", "1", "--unconstrained")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedSearch:
    return run_small_search(tmp_path_factory.mktemp("runs"), "small", *FLAGS)


def copied_store(finished: FinishedSearch, folder: Path) -> str:
    """A copy of the store in ``folder``, whose artifacts may be damaged; its URI.

    SQLite makes it: to open and close the file beside SQLite would drop the locks of the clients
    that this process has open, and what other processes write later would stay hidden from them.
    """
    shutil.copytree(finished.out / "artifacts", folder / "artifacts")
    with (
        contextlib.closing(sqlite3.connect(finished.out / "mlflow.db")) as store,
        contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database,
        database,
    ):
        store.backup(database)
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(
                f"update {table} set {column} = replace({column}, ?, ?)",
                (str(finished.out), str(folder)),
            )
    return f"sqlite:///{folder}/mlflow.db"


CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    """The machine's Chromium, for a module: Playwright keeps an event loop while it is there."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on the PATH; make chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, headless=True, args=CHROMIUM)
        yield browser
        browser.close()

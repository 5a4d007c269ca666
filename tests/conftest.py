"""Fixtures that several tests share: a cache of their own, and one small search."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import settings

from search import environment
from trainables.data import Dataset, DataSpec, load
from trainables.data.cifar import CIFAR_FILES, MNIST_FILES

if TYPE_CHECKING:
    from search.records.about import Place

ROOT = Path(__file__).parents[1]
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    """Set what must stand before a test module imports Ray or MLflow, and listen to Ctrl-C."""
    environment.prepare(loopback=False)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("quick")


@pytest.fixture(scope="session")
def one_ray(_own_cache: None) -> Iterator[None]:
    """The Ray that all searches in this process join."""
    from search.driver.ray_cluster import cluster
    from search.request.request import Limits

    environment.prepare(loopback=True)
    # The next worker gives way to nothing.
    os.environ.setdefault("RAY_worker_niceness", "0")
    with cluster(Limits()):
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Built sets of the tests do not mix with the user's."""
    os.environ["CONVOY_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _no_remembered_artifacts() -> Iterator[None]:
    yield
    forget_artifacts()


_exported: dict[str, tuple[dict[str, str], Path]] = {}


@pytest.fixture(autouse=True)
def _exported_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Export a network once in this process, however often it is analysed: it takes seconds."""
    if (module := sys.modules.get("analysis.model.folder")) is None:
        return  # which the first analysis imports

    def export(network: Any, dataset: Dataset, fit: str, folder: Path) -> dict[str, str]:
        weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
        about = f"{network} {dataset.classes} {dataset.mean} {dataset.std} {fit}"
        key = hashlib.sha256(about.encode() + weights).hexdigest()
        if key not in _exported:
            missing = original(network, dataset, fit, folder)
            _exported[key] = missing, tmp_path_factory.mktemp("exported") / "model"
            shutil.copytree(folder, _exported[key][1])
        missing, copy = _exported[key]
        shutil.copytree(copy, folder, dirs_exist_ok=True)
        return missing

    original = module.export_programs
    monkeypatch.setattr(module, "export_programs", export)


def forget_artifacts() -> None:
    """Have a run's artifacts looked for where its store has them.

    MLflow remembers that place by the run's id alone, for as long as the process lasts; a run of a
    copied store would be read from, and written to, the store that was opened before.
    """
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


def user_environment() -> dict[str, str]:
    """The variables of a process that must set by itself what a search needs."""
    own = environment._SETTINGS.keys() | {"RAY_preload_python_modules", "RAY_worker_niceness"}
    return {name: value for name, value in os.environ.items() if name not in own}


def run_as_user(command: list[str], seconds: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=user_environment(),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


SMALL = ["--data", "embedded", "--train-limit", "200", "--val-limit", "100", "--epochs", "4"]
SMALL += ["--finalists", "0"]


def small_flags(out: Path, name: str, *flags: str, space: str, resume: bool = False) -> list[str]:
    """The flags of a search on little data, or of one that is resumed."""
    asked = ["--resume", name] if resume else ["--space", space, *SMALL, "--name", name]
    return [*asked, "--out", str(out), *flags]


def run_small_search(out: Path, name: str, *flags: str, space: str = "gap5") -> FinishedSearch:
    """Run ``python -m search.run`` as a user does, on little data."""
    command = [sys.executable, "-m", "search.run", *small_flags(out, name, *flags, space=space)]
    done = run_as_user(command)
    return FinishedSearch(done.returncode, out, name, done.stdout + done.stderr)


def run_here(main: Callable[[list[str]], int], flags: list[str]) -> tuple[int, str]:
    """The exit status of a command in this process, and what it printed."""
    printed = io.StringIO()
    forget_artifacts()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main(flags)
    forget_artifacts()
    return status, printed.getvalue()


@pytest.fixture(scope="session")
def small_search(one_ray: None) -> Callable[..., FinishedSearch]:
    """What ``run_small_search`` does, in this process."""

    def run(
        out: Path, name: str, *flags: str, space: str = "gap5", resume: bool = False
    ) -> FinishedSearch:
        from search.run import main

        asked = small_flags(out, name, *flags, space=space, resume=resume)
        status, printed = run_here(main, asked)
        return FinishedSearch(status, out, name, printed)

    return run


# Of enough images to learn from; one kind of schedule, so that six trials on one ladder are enough
# for ASHA to stop some; and one thread, on which a training repeats every bit.
FLAGS = ("--train-limit", "600", "--val-limit", "300", "--trials", "6", "--seed", "1")
FLAGS += ("--set", "schedule=cosine", "--concurrency", "1", "--cpus-per-trial", "1")
FLAGS += ("--unconstrained",)


@pytest.fixture(scope="session")
def finished(shared_search: Callable[..., FinishedSearch]) -> FinishedSearch:
    """A plain search, in a process of its own."""
    return shared_search("small", *FLAGS)


@pytest.fixture(scope="session")
def shared_search(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., FinishedSearch]:
    """Run a search once for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, *flags: str) -> FinishedSearch:
        out = shared / f"session-{name}"
        ended = out / "ended.json"
        with FileLock(shared / f"{name}.lock"):
            if not ended.is_file():
                found = run_small_search(out, name, *flags)
                assert out.is_dir(), found.printed
                ended.write_text(json.dumps([found.status, found.printed]))
        status, printed = json.loads(ended.read_text())
        return FinishedSearch(status, out, name, printed)

    return once


@pytest.fixture(scope="session")
def _empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store, which takes seconds to make and a moment to copy."""
    from search.records.store import make_store

    file = tmp_path_factory.mktemp("store") / "empty.db"
    make_store(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def new_place(_empty_store: Path) -> Callable[[Path], "Place"]:
    """A function that makes an empty store in a folder; where a search ``s`` is recorded there."""
    from search.records.about import Place

    def make(folder: Path) -> Place:
        with (
            contextlib.closing(sqlite3.connect(_empty_store)) as source,
            contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as copy,
        ):
            source.backup(copy)
        return Place(f"sqlite:///{folder / 'mlflow.db'}", "convoy/test", str(folder / "a"), "s")

    return make


@pytest.fixture
def place(new_place: Callable[[Path], "Place"], tmp_path: Path) -> "Place":
    return new_place(tmp_path)


def copied_store(finished: FinishedSearch, folder: Path) -> str:
    """A copy of the store in ``folder``, whose artifacts may be damaged; its URI.

    SQLite makes it: to open and close the file beside SQLite would drop the locks of the clients
    that this process has open, and what other processes write later would stay hidden from them.
    """
    shutil.copytree(finished.out / "artifacts", folder / "artifacts")
    with (
        contextlib.closing(sqlite3.connect(finished.out / "mlflow.db")) as store,
        contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database,
    ):
        store.backup(database)
    relocate(folder / "mlflow.db", finished.out, folder)
    return f"sqlite:///{folder}/mlflow.db"


def relocate(store: Path, before: Path, after: Path) -> None:
    """Have a store find its artifacts, which lay in folder ``before``, in ``after``."""
    with contextlib.closing(sqlite3.connect(store)) as database, database:
        for table, column in (("runs", "artifact_uri"), ("experiments", "artifact_location")):
            database.execute(
                f"update {table} set {column} = replace({column}, ?, ?)", (str(before), str(after))
            )


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

"""One search in a container, its records on a volume: whole, stopped, killed, and gone on with."""

import time
from collections.abc import Iterator

import pytest
from closing_table import note
from engine import ROOT, Container, needs_engine, podman, started, tried, until
from images import HARDENED, SEARCH, search_image

pytestmark = needs_engine
NAME = "convoy-test-search"
VOLUME = "convoy-test-runs"
WITHIN = 10.0  # seconds in which a search must have stopped
LONGEST = 300.0
RUNS = (f"--volume={VOLUME}:/convoy/runs",)
SMALL = (
    *("--space", "gap5", "--data", "embedded", "--train-limit", "300", "--val-limit", "200"),
    *("--cpus-per-trial", "1", "--concurrency", "1", "--seed", "1"),
    *("--trials", "12", "--epochs", "4", "--finalists", "0"),
)


@pytest.fixture(scope="module", autouse=True)
def _volume() -> Iterator[None]:
    """A volume of the tests, removed in the end."""
    tried("podman", "volume", "rm", "--force", VOLUME)
    podman("volume", "create", VOLUME)
    yield
    podman("volume", "rm", "--force", VOLUME)


def search(*flags: str, name: str = NAME):
    """A search in a container with nothing but what it needs."""
    return started(name, search_image(), *SEARCH, *flags, options=(*HARDENED, *RUNS))


def python(*words: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    """The status and output of Python in a container of its own on the same volume."""
    command = ("podman", "run", "--rm", *HARDENED, *RUNS, *options, "--entrypoint=python")
    done = tried(*command, search_image(), *words, seconds=LONGEST)
    return done.returncode, done.stdout


def reckoned(name: str) -> str:
    """What is amiss with a search that should be whole, by the reckoning of tests/faults."""
    code = (
        "from pathlib import Path; from account import account; from searches import Search; "
        f"print(account(Search(Path('/convoy/runs'), '{name}')))"
    )
    folder = "/tmp/tests/faults"
    options = (f"--volume={ROOT / 'tests/faults'}:{folder}:ro", f"--env=PYTHONPATH={folder}")
    return python("-c", code, options=options)[1].splitlines()[-1]


def left_running() -> int:
    """Runs in the store on the volume that are RUNNING."""
    code = (
        "import sqlite3; c = sqlite3.connect('runs/mlflow.db'); "
        "print(c.execute(\"SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'\").fetchone()[0])"
    )
    return int(python("-c", code)[1])


def await_the_middle(container: Container) -> None:
    """Wait until the third trial has begun."""
    until(lambda: "trial 2 started" in container.logs(), LONGEST, "the third trial")


def go_on(name: str) -> None:
    """Go on with a search in another container, to its end."""
    with search("--resume", name) as again:
        assert again.wait(LONGEST) == 0, again.logs()


CLEAN = "Account(lost=0, duplicated=0, running=0, wrong=())"


def test_a_whole_search_ends_and_its_records_belong_to_the_user_of_the_image():
    with search(*SMALL, "--name", "whole") as container:
        assert container.wait(LONGEST) == 0, container.logs()
    assert reckoned("whole") == CLEAN
    code = "import pathlib; print({each.stat().st_uid for each in pathlib.Path('runs').rglob('*')})"
    assert python("-c", code) == (0, "{1000}\n")


def test_a_search_that_is_stopped_closes_its_records_and_goes_on_in_another_container():
    with search(*SMALL, "--name", "stopped") as container:
        await_the_middle(container)
        began = time.monotonic()
        assert container.stop() == 143, container.logs()
        seconds = time.monotonic() - began
        assert "resume     python -m search.run --resume stopped" in container.logs()
    assert seconds < WITHIN
    note("podman stop of a search", f"{seconds:.1f} s")
    assert left_running() == 0
    code = "import json; print(json.load(open('runs/stopped/summary.json'))['status'])"
    assert python("-c", code) == (0, "interrupted\n")
    go_on("stopped")
    assert reckoned("stopped") == CLEAN


def test_a_search_that_is_killed_goes_on_in_another_container():
    with search(*SMALL, "--name", "killed") as container:
        await_the_middle(container)
        podman("kill", container.name)
        assert container.wait(LONGEST) == 137
    go_on("killed")
    assert reckoned("killed") == CLEAN


def test_a_search_that_runs_in_a_container_is_seen_and_stopped_from_another():
    with search(*SMALL, "--name", "seen") as container:
        await_the_middle(container)
        status, printed = python("-m", "search.run", "--resume", "seen")
        assert status == 2
        assert "error: seen: the search is running" in printed
        status, printed = python("-m", "search.list", "--json")
        assert '"running"' in printed
        assert python("-m", "search.delete", "seen", "--yes")[0] == 2
        status, printed = python("-m", "search.stop", "seen")
        assert status == 0, printed
        assert container.wait(LONGEST) == 143
    go_on("seen")
    assert reckoned("seen") == CLEAN

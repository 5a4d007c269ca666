"""One search in a container, its records on a volume: whole, stopped, killed, and gone on with."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from account import Account
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
LONG = ("--train-limit", "4500", "--set", "pool_stride=1")  # while other containers start


@pytest.fixture(scope="module", autouse=True)
def _volume() -> Iterator[None]:
    """A volume of the tests, removed in the end."""
    tried("podman", "volume", "rm", "--force", VOLUME)
    podman("volume", "create", VOLUME)
    yield
    podman("volume", "rm", "--force", VOLUME)


def search(*flags: str, name: str = NAME) -> AbstractContextManager[Container]:
    """A search in a container with nothing but what it needs."""
    return started(name, search_image(), *SEARCH, *flags, options=(*HARDENED, *RUNS))


def convoy(*words: str, options: tuple[str, ...] = RUNS) -> tuple[int, str]:
    """The status and output of a command in a container of its own."""
    command = ("podman", "run", "--rm", *HARDENED, *options, search_image(), *words)
    done = tried(*command, seconds=LONGEST)
    return done.returncode, done.stdout


def python(code: str, *options: str) -> str:
    """What a program prints in a container of its own on the same volume."""
    entry = (*HARDENED, *RUNS, *options, "--entrypoint=python", search_image())
    return podman("run", "--rm", *entry, "-c", code, seconds=LONGEST)


def reckoned(name: str) -> str:
    """What is amiss with a search that should be whole, by the reckoning of tests/faults."""
    code = (
        "from pathlib import Path; from account import account; from searches import Search; "
        f"print(account(Search(Path('/convoy/runs'), '{name}')))"
    )
    folder = "/tmp/tests/faults"
    faults = (f"--volume={ROOT / 'tests/faults'}:{folder}:ro", f"--env=PYTHONPATH={folder}")
    return python(code, *faults).splitlines()[-1]


def left_running() -> int:
    """Runs in the store on the volume that are RUNNING."""
    code = (
        "import sqlite3; c = sqlite3.connect('runs/mlflow.db'); "
        "print(c.execute(\"SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'\").fetchone()[0])"
    )
    return int(python(code))


def await_the_middle(container: Container) -> None:
    """Wait until the third trial has begun."""
    until(lambda: "trial 2 started" in container.logs(), LONGEST, "the third trial")


def go_on(name: str) -> None:
    """Go on with a search in another container, to its end."""
    with search("--resume", name) as again:
        assert again.wait(LONGEST) == 0, again.logs()


CLEAN = str(Account())


@pytest.fixture(scope="module")
def whole() -> str:
    """A search that ran to its end."""
    with search(*SMALL, "--name", "whole") as container:
        assert container.wait(LONGEST) == 0, container.logs()
    return "whole"


def test_a_whole_search_ends_and_its_records_belong_to_the_user_of_the_image(whole):
    assert reckoned(whole) == CLEAN
    code = "import pathlib; print({each.stat().st_uid for each in pathlib.Path('runs').rglob('*')})"
    assert python(code) == "{1000}"


def test_a_search_that_is_stopped_closes_its_records_and_goes_on_in_another_container():
    with search(*SMALL, "--name", "stopped") as container:
        await_the_middle(container)
        began = time.monotonic()
        assert container.stop() == 143, container.logs()
        seconds = time.monotonic() - began
        assert "--resume stopped" in container.logs()
    note("podman stop of a search", f"{seconds:.1f} s")
    assert seconds < WITHIN
    assert left_running() == 0
    code = "import json; print(json.load(open('runs/stopped/summary.json'))['status'])"
    assert python(code) == "interrupted"
    go_on("stopped")
    assert reckoned("stopped") == CLEAN


def test_a_search_that_is_killed_goes_on_in_another_container():
    with search(*SMALL, "--name", "killed") as container:
        await_the_middle(container)
        podman("kill", container.name)
        assert container.wait(LONGEST) == 137
    assert [each["state"] for each in listed() if each["name"] == "killed"] == ["interrupted"]
    go_on("killed")
    assert reckoned("killed") == CLEAN


def test_a_container_that_is_killed_goes_on_as_itself():
    with search(*SMALL, "--name", "again") as container:
        await_the_middle(container)
        podman("kill", container.name)
        container.wait(LONGEST)
    with search("--resume", "again", name="convoy-test-again") as container:
        until(lambda: "started" in container.logs(), LONGEST, "a trial")
        podman("kill", container.name)
        container.wait(LONGEST)
        podman("start", container.name)
        assert container.wait(LONGEST) == 0
    assert reckoned("again") == CLEAN


def test_a_search_that_runs_in_a_container_is_seen_and_stopped_from_another():
    with search(*SMALL, *LONG, "--name", "seen") as container:
        await_the_middle(container)
        status, printed = convoy(*SEARCH, "--resume", "seen")
        assert status == 2
        assert "error: seen: the search is running" in printed
        assert [each["state"] for each in listed() if each["name"] == "seen"] == ["running"]
        assert "running" in convoy("show", "seen")[1]
        status, printed = convoy("delete", "seen", "--yes")
        assert status == 2
        assert "search.stop" in printed
        status, printed = convoy("stop", "seen")
        assert status == 0, printed
        assert container.wait(LONGEST) == 143
    assert [each["state"] for each in listed() if each["name"] == "seen"] == ["interrupted"]


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_a_search_that_is_stopped_as_it_starts_ends_at_once(seconds):
    with search(*SMALL, "--name", f"early{seconds}") as container:
        time.sleep(seconds)
        began = time.monotonic()
        assert container.stop() == 143, container.logs()
        assert time.monotonic() - began < WITHIN
        assert "Traceback" not in container.logs()


@pytest.mark.parametrize("number", ["INT", "TERM"])
def test_a_second_signal_ends_a_search_at_once(number):
    with search(*SMALL, "--name", f"twice{number}") as container:
        await_the_middle(container)
        for _ in range(2):
            tried("podman", "kill", f"--signal={number}", container.name)  # it may have ended
            time.sleep(1)
        assert container.wait(WITHIN) == {"INT": 130, "TERM": 143}[number]
    go_on(f"twice{number}")
    assert reckoned(f"twice{number}") == CLEAN


@pytest.mark.parametrize(
    "words",
    [("list",), ("ui",), ("analyse", "--search", "whole")],
    ids=["list", "ui", "analyse"],
)
def test_every_command_ends_on_podman_stop(whole, words):
    with started(NAME, search_image(), *words, options=(*HARDENED, *RUNS)) as container:
        time.sleep(3)
        began = time.monotonic()
        assert container.stop() in (0, 143), container.logs()
        assert time.monotonic() - began < WITHIN


def test_who_runs_a_container_as_himself_owns_its_records(tmp_path):
    user = 4321
    os.chown(tmp_path, user, user)
    options = (f"--user={user}", f"--volume={tmp_path}:/convoy/runs")
    status, printed = convoy(*SEARCH, *SMALL, "--name", "mine", options=options)
    assert status == 0, printed
    assert {each.stat().st_uid for each in tmp_path.rglob("*")} == {user}


@pytest.mark.parametrize("mode", [0o700, 0o755], ids=["closed", "root's"])
@pytest.mark.parametrize("mounted", ["", ":ro"], ids=["", "read-only"])
@pytest.mark.parametrize(
    "words", [(*SEARCH, *SMALL, "--name", "no"), ("reconcile", "no")], ids=["run", "reconcile"]
)
def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path, words, mounted, mode):
    tmp_path.chmod(mode)
    options = (f"--volume={tmp_path}:/convoy/runs{mounted}",)
    status, printed = convoy(*words, options=options)
    assert (status, "Traceback" in printed) == (2, False)
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "/convoy/runs" in errors[0]


@pytest.mark.parametrize("option", ["--shm-size=64k", "--shm-size=2g"])
def test_a_search_needs_no_shared_memory(option):
    name = f"shared{option[-2:]}"
    flags = (*SMALL[:-6], "--trials", "2", "--epochs", "1", "--finalists", "0", "--name", name)
    status, printed = convoy(*SEARCH, *flags, options=(*RUNS, option))
    assert status == 0, printed


@pytest.mark.parametrize("size", ["1m", "5m"])
def test_a_full_tmpfs_is_named_in_one_line(size):
    options = (*RUNS, "--read-only", f"--tmpfs=/tmp:size={size}", search_image())
    done = tried("podman", "run", "--rm", *options, *SEARCH, *SMALL, seconds=LONGEST)
    status, printed = done.returncode, done.stdout
    assert (status, "Traceback" in printed) == (2, False)
    assert len([line for line in printed.splitlines() if line.startswith("error: ")]) == 1


def listed() -> list[dict]:
    """The searches on the volume, as a second container lists them."""
    return json.loads(convoy("list", "--json")[1])

"""``python -m search.stop``: a search is stopped by another process, through its folder."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, SMALL, user_environment

from search.driver.lock import is_locked, locked
from search.driver.stop import stopping_gently
from search.driver.stop_request import (
    REASON,
    forget_requests,
    heeding_requests,
    is_requested,
    request_stop,
)
from search.records.search_file import SearchFile
from search.stop import main
from trainables.boundary.errors import UsageError

PATIENCE = 300.0  # seconds after which what is waited for will not come


def made(out: Path, name: str, spaces: tuple[str, ...] = ("gap5",), **identity) -> Path:
    """The folder of a search of ``identity``'s space, one of those of leaderboard ``both``."""
    called = name if len(spaces) == 1 else "both"
    SearchFile("search.run", {"space": list(spaces), "name": called}, identity).claim(
        out / name, None
    )
    return out / name


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def running(*folders: Path, heeds: bool = True) -> Iterator[None]:
    """A thread for each folder that holds it until it is asked to stop, or here at the end."""
    over, begun = threading.Event(), [threading.Event() for _ in folders]

    def hold(folder: Path, has_begun: threading.Event) -> None:
        with locked(folder):
            forget_requests(folder)
            has_begun.set()
            while not over.wait(0.01) and not (heeds and is_requested(folder)):
                continue

    threads = [
        threading.Thread(target=hold, args=pair) for pair in zip(folders, begun, strict=True)
    ]
    for thread, event in zip(threads, begun, strict=True):
        thread.start()
        event.wait()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_request_ends_a_search_as_sigterm_does_and_is_its_reason(tmp_path):
    heard: list[int] = []
    with stopping_gently() as stop:
        signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
        with heeding_requests(tmp_path, stop):
            request_stop(tmp_path)
            until(lambda: bool(heard))
        assert (stop.signal, stop.reason, len(heard)) == (signal.SIGTERM, REASON, 1)


def test_a_request_to_a_search_that_is_stopping_interrupts_it_no_further(tmp_path):
    with stopping_gently() as stop:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.raise_signal(signal.SIGINT)
        with heeding_requests(tmp_path, stop):
            request_stop(tmp_path)
            until(lambda: not any(t.name == "stop requests" for t in threading.enumerate()))
        assert (stop.signal, stop.reason) == (signal.SIGINT, "")


def test_what_was_asked_of_an_earlier_process_is_forgotten(tmp_path):
    request_stop(tmp_path)
    forget_requests(tmp_path)
    assert not is_requested(tmp_path)


def test_a_search_that_runs_is_stopped_and_waited_for(tmp_path, capsys):
    folder = made(tmp_path, "s", space="gap5")
    with running(folder):
        assert main(["s", "--out", str(tmp_path)]) == 0
        with locked(folder):  # it has ended
            printed = capsys.readouterr().out
    assert "s: interrupted" in printed
    assert f"python -m search.run --resume s --out {tmp_path}" in printed


def test_a_search_that_does_not_end_in_time_was_asked_and_the_status_says_so(tmp_path, capsys):
    folder = made(tmp_path, "s", space="gap5")
    with running(folder, heeds=False):
        assert main(["s", "--out", str(tmp_path), "--wait", "0"]) == 3
        assert is_requested(folder)
    assert "still closing its records" in capsys.readouterr().out


def test_all_searches_that_were_begun_together_are_stopped(tmp_path, capsys):
    both = ("gap5", "nin")
    made(tmp_path, "both", both)
    folders = [made(tmp_path, f"both-{space}", both, space=space) for space in both]
    with running(*folders):
        assert main(["both", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "both-gap5: interrupted" in printed
    assert "both-nin: interrupted" in printed
    assert printed.count("--resume both ") == 2


def refusal(capsys, *argv: str) -> str:
    assert main(list(argv)) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.count("\n") == 1
    return told.err


def test_a_search_that_does_not_run_is_refused_and_asked_nothing(tmp_path, capsys):
    folder = made(tmp_path, "s", space="gap5")
    assert "is not running: it is interrupted" in refusal(capsys, "s", "--out", str(tmp_path))
    assert not is_requested(folder)


@pytest.mark.parametrize("asked", ["absent", "..", "/", ""])
def test_what_is_no_search_is_refused(tmp_path, capsys, asked):
    made(tmp_path, "s", space="gap5")
    refusal(capsys, asked, "--out", str(tmp_path))


@pytest.mark.parametrize("wait", ["-1", "soon", "1.5"])
def test_a_wait_that_is_none_is_refused(tmp_path, capsys, wait):
    assert "--wait" in refusal(capsys, "s", "--out", str(tmp_path), f"--wait={wait}")


def test_one_on_a_cluster_alone_is_stopped_there(tmp_path, capsys):
    assert "python -m search.submit --cluster FILE --stop" in refusal(
        capsys, "absent", "--out", str(tmp_path)
    )


def test_two_who_look_at_once_whether_a_search_runs_keep_none_from_beginning(tmp_path):
    folder, over, refused = made(tmp_path, "s", space="gap5"), threading.Event(), []
    (folder / ".lock").touch()

    def look() -> None:
        while not over.is_set():
            is_locked(folder)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for _ in range(20):
        try:
            with locked(folder):
                pass
        except UsageError as error:
            refused.append(error)
    over.set()
    for looker in lookers:
        looker.join()
    assert not refused


@pytest.mark.slow
def test_a_search_is_stopped_from_another_process_and_ends_whole_when_resumed(tmp_path):
    flags = ["--space", "gap5", *SMALL, "--trials", "4", "--name", "s", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "search.run"]
    search = subprocess.Popen(
        [*command, *flags, "--train-limit", "300", "--epochs", "8"],
        cwd=ROOT,
        env=user_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: any(tmp_path.glob("s/trial-*/result.json")))
    assert main(["s", "--out", str(tmp_path), "--wait", str(int(PATIENCE))]) == 0
    printed, _ = search.communicate(timeout=PATIENCE)
    assert (search.returncode, f"stopped    {REASON}" in printed) == (143, True)
    request_stop(tmp_path / "s")  # by one who came too late
    resumed = [*command, "--resume", "s", "--out", str(tmp_path)]
    assert subprocess.run(resumed, cwd=ROOT, env=user_environment(), check=False).returncode == 0
    summary = json.loads((tmp_path / "s" / "summary.json").read_text())
    assert summary["status"] == "complete"
    for results in tmp_path.glob("s/trial-*/result.json"):
        epochs = [json.loads(line)["epoch"] for line in results.read_text().splitlines()]
        assert epochs == list(range(1, len(epochs) + 1))
    assert len(list(tmp_path.glob("s/trial-*"))) == 4

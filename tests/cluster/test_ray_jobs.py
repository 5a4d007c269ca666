"""Ray's job API for real: ``ray start --head`` with a token on loopback."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from account import account, still_running
from searches import ROOT, Search, wait_for

pytestmark = pytest.mark.slow
pytest.importorskip("aiohttp_cors", reason="ray[default] is not installed")

SIZE = ["--train-limit", "600", "--val-limit", "300", "--cpus-per-trial", "1", "--seed", "1"]


@dataclass
class Head:
    """A Ray cluster of one node, and the file that describes it."""

    file: Path
    out: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    def environment(self, token: str | None) -> dict[str, str]:
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
        own["HOME"] = str(self.out)  # a token of the user's own would be sent
        return {**kept, **own, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}

    def asked(self, *flags: str, token: str | None = "") -> subprocess.CompletedProcess[str]:
        """``search.submit`` as a user runs it, with the right token unless another is given."""
        return subprocess.run(
            [sys.executable, "-m", "search.submit", "--cluster", str(self.file), *flags],
            cwd=ROOT,
            env=self.environment(self.token if token == "" else token),
            capture_output=True,
            text=True,
            timeout=300,
        )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def head(tmp_path_factory) -> Iterator[Head]:
    folder = tmp_path_factory.mktemp("head")
    out, port = folder / "runs", free_port()
    out.mkdir()
    made = Head(folder / "ray.yaml", out)
    told = f"kind: ray-jobs\naddress: http://127.0.0.1:{port}\nout: {out}\n"
    made.file.write_text(f"{told}python: {sys.executable}\n")
    ports = [
        f"--dashboard-port={port}",
        f"--port={free_port()}",
        f"--ray-client-server-port={free_port()}",
    ]
    ports += [f"--dashboard-agent-listen-port={free_port()}"]
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--num-cpus=2", "--block"]
    environment = {**made.environment(made.token), "RAY_worker_niceness": "0"}
    with (
        (folder / "head.log").open("w") as log,
        subprocess.Popen(
            [*map(str, command), *ports, "--disable-usage-stats"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_for(lambda: made.asked("--status").returncode == 0, "the job API")
            yield made
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):  # some of Ray's processes take a minute
                process.wait(5)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def begin(head: Head, name: str, trials: int, epochs: int, *own: str) -> Search:
    budget = ["--trials", str(trials), "--epochs", str(epochs), "--name", name]
    budget += ["--finalists", "0"]
    sent = head.asked(*own, "--", "--space", "gap5", "--data", "embedded", *SIZE, *budget)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    return Search(head.out, name, trials, epochs)


@pytest.mark.parametrize(
    ("flags", "token"),
    [
        (["--status"], None),
        (["--status"], "f" * 32),
        (["--", "--space", "gap5"], "f" * 32),
        (["--stop", "a"], None),
    ],
)
def test_without_the_right_token_everything_is_refused(head, flags, token):
    done = head.asked(*flags, token=token)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Ray refuses the token; set RAY_AUTH_MODE=token" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_search_is_sent_followed_to_its_end_and_whole(head):
    budget = ["--trials", "2", "--epochs", "2", "--name", "followed"]
    budget += ["--finalists", "1", "--finalist-seeds", "1"]
    asked = ["--", "--space", "gap5", "--data", "embedded", *SIZE, *budget]
    done = head.asked("--follow", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "followed: complete, 2 completed" in done.stdout
    assert account(Search(head.out, "followed", 2, 2, finalists=1)).clean


@pytest.mark.long
def test_a_search_that_is_stopped_closes_its_records_and_is_resumed_by_another_job(head):
    search = begin(head, "stopped", 8, 20)
    wait_for(lambda: len(search.recorded(0)) >= 2, "two epochs")
    done = head.asked("--stop", "stopped")
    assert (done.returncode, done.stdout) == (0, "stopped: stopped\n"), done.stderr
    assert json.loads((search.folder / "summary.json").read_text())["status"] == "interrupted"
    assert still_running(search) == 0
    assert "resume     python" in head.asked("--logs", "stopped").stdout
    resumed = head.asked("--follow", "--", "--resume", "stopped")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert account(search).clean
    jobs = head.asked("--status", "stopped").stdout.splitlines()
    assert [line.split()[:2] for line in jobs] == [["stopped", "stopped"], ["stopped", "succeeded"]]


@pytest.mark.long
def test_a_name_that_was_sent_before_is_refused(head):
    begin(head, "twice", 1, 1)
    sent = head.asked("--", "--space", "gap5", "--data", "embedded", "--name", "twice")
    assert sent.returncode == 2
    assert "a job of this name was sent before" in sent.stderr


@pytest.mark.long
def test_a_search_that_fails_there_ends_the_following_with_its_exit_status(head):
    done = head.asked("--follow", "--", "--space", "gap5", "--data", "/nowhere", "--name", "lost")
    assert done.returncode == 2
    assert "data folder /nowhere does not exist" in done.stdout


def test_a_job_of_a_search_that_is_not_there_is_said_so(head):
    done = head.asked("--logs", "nothing")
    assert done.returncode == 2
    assert "no job of this search" in done.stderr


@pytest.mark.long
def test_a_search_without_an_address_does_not_join_a_cluster_that_happens_to_be_there(
    head, tmp_path
):
    search = Search(tmp_path / "runs", "alone", 1, 1)
    with search.begun() as run:  # without the token it could not
        assert run.wait() == 0, run.printed
    assert account(search).clean

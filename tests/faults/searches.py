"""A search as a user runs it: a process of its own, to be killed, told to stop, and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
LONGEST = 300.0  # seconds that a small search may take, and what becomes of it
# Ray's workers give way to all else, and would starve beside whatever runs on the machine.
ENVIRONMENT = {"RAY_worker_niceness": "0", "PYTHONUNBUFFERED": "1"}


class Late(Exception):
    """What was waited for did not come."""


def wait_for(happened: Callable[[], object], what: str, seconds: float = LONGEST) -> None:
    """Return as soon as ``happened``.

    Raises:
        Late: it has not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise Late(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.05)


_ends: list[Callable[[], object]] = []


def at_the_end(end: Callable[[], object]) -> None:
    """Have ``end_all`` call ``end``."""
    _ends.append(end)


def end_all() -> None:
    """Kill whatever was started here and is alive."""
    for end in _ends:
        end()


class Run:
    """A command under way, with all the processes that it starts.

    They are known by the session that it leads: whatever Ray starts stays in it, also once its
    parent is dead.

    Args:
        arguments: of the program.
        log: where what it prints is kept.
        environment: variables of its own.
        program: that is run, Python if no other is named.
    """

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        environment: dict[str, str] | None = None,
        program: str = sys.executable,
    ) -> None:
        self._log, self._begun = log, time.monotonic()
        self.ended_after = 0.0  # seconds, once it was waited for
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [program, *arguments],
                cwd=ROOT,
                env=os.environ | ENVIRONMENT | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        at_the_end(self.end)

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        """True if the command itself is gone, whatever became of its children."""
        return self._process.poll() is not None

    def wait(self, seconds: float = LONGEST) -> int:
        """The exit status, once there is one; minus the signal if one ended it.

        Raises:
            Late: there is none within ``seconds``.
        """
        try:
            status = self._process.wait(seconds)
            self.ended_after = time.monotonic() - self._begun
            return status
        except subprocess.TimeoutExpired as error:
            raise Late(f"{self._log.name}: no end after {seconds:.0f} s") from error

    def kill(self) -> None:
        """End the command as ``kill -9`` does, and none of its children."""
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> None:
        """Send SIGINT as a terminal does: to all processes of the foreground."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM as whoever looks after processes does: to the command alone."""
        self._process.send_signal(signal.SIGTERM)

    def left(self) -> list[psutil.Process]:
        """Its processes that are alive."""
        return [each for each in psutil.process_iter() if _is_of(each, self.pid)]

    def workers(self) -> list[psutil.Process]:
        """Those of them that train."""
        return [each for each in self.left() if _title(each).startswith("ray::ImplicitFunc")]

    def end(self) -> None:
        """Kill whatever is left of it."""
        for each in self.left():
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self._process.wait()


def _is_of(process: psutil.Process, session: int) -> bool:
    """True if it is alive, and of the session."""
    try:
        same = os.getsid(process.pid) == session
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@dataclass(frozen=True)
class Search:
    """What is searched, and where.

    Attributes:
        out: folder of the search's folder, and of its store if it has no server.
        name: of the search.
        trials: that are asked for.
        epochs: the most of a trial.
        flags: what else is asked.
        server: URI of a tracking server; empty for a store of its own.
        space: that is searched, by its name or its file.
        finalists: settings that are trained again at the end, each with one seed; the baseline is
            one more, if it is not among them.
        former: whether it had others before it was given more trials.
    """

    out: Path
    name: str
    trials: int = 12
    epochs: int = 4
    flags: tuple[str, ...] = ("--concurrency", "1")
    server: str = ""
    space: str = "gap5"
    finalists: int = 0
    former: bool = False

    @property
    def trainings(self) -> int:
        """Trials and finalists' trainings, at least: the baseline's may be one more."""
        return self.trials + self.finalists

    @property
    def folder(self) -> Path:
        """The search's own."""
        return self.out / self.name

    @property
    def uri(self) -> str:
        """Where MLflow's records are."""
        return self.server or f"sqlite:///{self.out / 'mlflow.db'}"

    @property
    def logs(self) -> Path:
        """The folder of what its commands print."""
        return self.out.with_name(f"{self.out.name}-logs")

    def command(self, arguments: list[str], log: Path) -> Run:
        """Begin a command of Python."""
        return Run(arguments, log)

    @contextmanager
    def begun(self) -> Iterator[Run]:
        """The search, begun anew; what is left of it at the end is killed."""
        size = ["--train-limit", "300", "--val-limit", "200", "--cpus-per-trial", "1"]
        budget = ["--trials", str(self.trials), "--epochs", str(self.epochs), "--seed", "1"]
        budget += ["--finalists", str(self.finalists), "--finalist-seeds", "1"]
        where = ["--out", str(self.out), "--name", self.name]
        server = ["--tracking-uri", self.server] if self.server else []
        what = ["--space", self.space, "--data", "embedded"]
        with self._run("search.run", *what, *size, *budget, *where, *server, *self.flags) as run:
            yield run

    @contextmanager
    def resumed(self, *flags: str) -> Iterator[Run]:
        """The search, going on."""
        asked = ["--resume", self.name, "--out", str(self.out), *flags]
        with self._run("search.run", *asked) as run:
            yield run

    @contextmanager
    def continued(self) -> Iterator[Run]:
        """What a user does after a crash: go on, or begin again where there is nothing yet."""
        with self.resumed() if self.folder.exists() else self.begun() as run:
            yield run

    @contextmanager
    def reconciled(self) -> Iterator[Run]:
        """Its records, made anew."""
        with self._run("search.reconcile", self.name, "--out", str(self.out)) as run:
            yield run

    @contextmanager
    def _run(self, module: str, *flags: str) -> Iterator[Run]:
        self.logs.mkdir(parents=True, exist_ok=True)
        number = len(list(self.logs.iterdir()))
        run = self.command(["-m", module, *flags], self.logs / f"{number:02d}-{self.name}.log")
        try:
            yield run
        finally:
            if not run.ended:
                run.end()

    def statuses(self) -> dict[int, str]:
        """How each trial stands, by its number, as its files say it."""
        return {number_of(each): status_of(each) for each in self.trial_folders()}

    def over(self) -> int:
        """Trials and finalists' trainings that have ended."""
        return sum(each in ("completed", "pruned", "failed") for each in self.statuses().values())

    def trial_folders(self) -> list[Path]:
        """A folder a trial, in the order of their numbers."""
        return sorted(self.folder.glob("trial-*-*"))

    def trial(self, number: int) -> Path | None:
        """The folder of trial ``number``, if it has begun."""
        return next((each for each in self.trial_folders() if number_of(each) == number), None)

    def recorded(self, number: int) -> list[dict[str, Any]]:
        """What trial ``number`` has reported so far; a line that is being written is left out."""
        folder = self.trial(number)
        return [] if folder is None else whole_lines(folder / "result.json")


def number_of(folder: Path) -> int:
    """The number of a trial, from its folder's name."""
    return int(folder.name.split("-")[1])


def status_of(folder: Path) -> str:
    """How a trial stands; empty if it has not begun."""
    path = folder / "status.json"
    return str(json.loads(path.read_text())["status"]) if path.exists() else ""


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of JSON lines, without one that is not whole."""
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]

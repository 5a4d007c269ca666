"""Measure the time of a search that is not training, from outside its process."""

import ctypes
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TINY = ("--trials", "2", "--epochs", "1", "--train-limit", "600", "--val-limit", "300")
_MARKS = (
    ("first_line", ""),
    ("first_trial", r"trial \S+ started"),
    ("last_epoch", r"trial \S+ (completed|pruned)"),
    ("last_line", ""),
)


@dataclass(frozen=True)
class Start:
    """Times of a search of two trials with one tiny epoch, in seconds since its process began.

    Attributes:
        first_line: it printed its first line.
        first_trial: it printed that a trial started.
        last_epoch: it printed that the last trial ended.
        last_line: it printed its last line.
        end: its process ended.
        gone: the last process that it started had ended.
    """

    first_line: float
    first_trial: float
    last_epoch: float
    last_line: float
    end: float
    gone: float


def measure_start() -> Start:
    """Run the search in its own process.

    Raises:
        RuntimeError: it ended with an error.
    """
    with tempfile.TemporaryDirectory() as out:
        command = ["-u", "-m", "search.run", "--space", "gap5", "--data", "embedded", *TINY]
        command += ["--finalists", "0", "--name", "x", "--out", out]
        _adopt()
        begin, seen = time.monotonic(), dict[str, float]()
        with subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                now = time.monotonic() - begin
                for name, pattern in _MARKS:
                    if re.match(pattern, line) and not (name.startswith("first") and name in seen):
                        seen[name] = now
            status, end = process.wait(), time.monotonic() - begin
        with suppress(ChildProcessError):
            while True:
                os.wait()
        if status:
            raise RuntimeError(f"the search ended with {status}")
        return Start(**seen, end=end, gone=time.monotonic() - begin)


def start_table(starts: list[Start]) -> str:
    """A table of the medians of several searches, with the lowest and highest values."""
    titles = {
        "first_line": "first line, s",
        "first_trial": "first trial starts, s",
        "last_epoch": "last epoch ends, s",
        "last_line": "last line, s",
        "end": "process ends, s",
        "gone": "all its processes gone, s",
    }
    rows = []
    for key, title in titles.items():
        values = [asdict(start)[key] for start in starts]
        low, middle, high = min(values), statistics.median(values), max(values)
        rows.append(f"{title:30}{middle:8.2f}   ({low:.2f}-{high:.2f})")
    return "\n".join(rows)


def _adopt() -> None:
    """Make this process the parent of processes that a child leaves behind."""
    set_child_subreaper = 36  # of Linux's prctl
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)

"""Why a trial failed, and whether another try may help.

Tune tries a trial again after whatever error, or after none. Here there are three kinds:

- the worker died, or Ray ended it for want of memory: tried again from the checkpoint, twice;
- a GPU that several trials share had no memory left: tried again with a larger share of it;
- any other exception would come again: the trial fails with it at once. It is reported as a result
  that says so, since Tune counts every exception that it sees as one to be tried again.

What no trial is to blame for, a full disk or a node that does not see the search's folder, ends the
search: all of its trials would fail for it, one after the other.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from ray.exceptions import ActorDiedError
from ray.tune.experiment import Trial

RETRIES = 2
FAILED = "convoy_failed"  # of a result: the trial ended here, and why, in a line
HALT = "convoy_halt"  # of such a result: what to do before it resumes; empty if nothing
TRACE = "convoy_traceback"
LITTLE = 2**24  # bytes; Tune does not always say why it cannot write
ROOM = "make room first"


def one_line(text: str) -> str:
    """``text`` as a line for a terminal, and for PostgreSQL, which takes no null byte."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def is_full(folder: Path) -> bool:
    """True if so little room is left that whatever failed there may have failed for it."""
    return shutil.disk_usage(folder).free < LITTLE


def failure(trial: Trial) -> dict[str, Any] | None:
    """The result with which a trial reported that it failed; None if it did not."""
    result: dict[str, Any] = trial.last_result or {}
    return result if FAILED in result else None


def lost_reason(trial: Trial) -> str:
    """Why Tune gave a trial up, in a line.

    Read from the driver's own copy of the file: Tune has not moved it to storage yet.
    """
    path = trial.error_file
    text = Path(path).read_text(errors="replace") if path and Path(path).is_file() else ""
    last = text.rpartition("Failure # ")[2]  # the file holds every try
    if "running low on memory" in last:
        return f"OutOfMemoryError: Ray ended its worker {RETRIES + 1} times for want of memory"
    if ActorDiedError.BASE_ERROR_MSG in last:
        return f"WorkerDied: its worker died {RETRIES + 1} times"
    lines = [line.strip() for line in last.splitlines() if line.strip()]
    return one_line(re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1])) if lines else "unknown error"

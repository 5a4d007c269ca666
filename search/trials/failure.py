"""Why a trial failed, and whether another try may help.

Tune tries a trial again after whatever error, or after none. Here there are three kinds:

- the worker died, or Ray ended it for want of memory: tried again from the checkpoint, twice;
- a GPU that several trials share had no memory left: tried again with a larger share of it;
- any other exception would come again: the trial fails with it at once. It is reported as a result
  that says so, since Tune counts every exception that it sees as one to be tried again.

What no trial is to blame for, a full or read-only disk or a node that does not see the search's
folder, ends the search: all of its trials would fail for it, one after the other.
"""

import errno
import os
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
ROOM, WRITABLE, AT_HAND = "make room first", "make it writable first", "bring it back first"


def one_line(text: str) -> str:
    """``text`` as a line for a terminal, and for PostgreSQL, which takes no null byte."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def obstacle(folder: Path) -> tuple[str, str]:
    """Why nothing can be written below ``folder``, and what to do first; empty if it can be.

    Whatever failed there may have failed for it.
    """
    try:
        if shutil.disk_usage(folder).free < LITTLE:
            return f"{os.strerror(errno.ENOSPC)}: {folder}", ROOM
        if os.access(folder, os.W_OK):
            return "", ""
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        return f"{os.strerror(errno.EROFS if read_only else errno.EACCES)}: {folder}", WRITABLE
    except OSError as error:  # a share whose server is gone
        return f"{error.strerror}: {folder}", AT_HAND


def remedy_of(error: OSError) -> str:
    """What to do first after a disk or share refused to be used; empty if that is not it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ROOM
    if error.errno == errno.EROFS:
        return WRITABLE
    gone = (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENXIO, errno.ENODEV, errno.ETIMEDOUT)
    return AT_HAND if error.errno in gone else ""


def failure(trial: Trial) -> dict[str, Any] | None:
    """The result with which a trial reported that it failed; None if it did not."""
    result: dict[str, Any] = trial.last_result or {}
    return result if FAILED in result else None


def last_error(trial: Trial) -> str:
    """What Tune has written of a trial's last failure; empty if nothing.

    Read from the driver's own copy of the file: Tune has not moved it to storage yet.
    """
    path = trial.error_file
    text = Path(path).read_text(errors="replace") if path and Path(path).is_file() else ""
    return text.rpartition("Failure # ")[2]  # the file holds every try


def lost_reason(trial: Trial) -> str:
    """Why Tune gave a trial up, in a line."""
    last = last_error(trial)
    if "running low on memory" in last:
        return f"OutOfMemoryError: Ray ended its worker {RETRIES + 1} times for want of memory"
    if ActorDiedError.BASE_ERROR_MSG in last:
        return f"WorkerDied: its worker died {RETRIES + 1} times"
    lines = [line.strip() for line in last.splitlines() if line.strip()]
    return one_line(re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1])) if lines else "unknown error"

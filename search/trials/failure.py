"""Why a trial failed, and whether another attempt may help.

Tune tries a trial again after any error, or after none. Here there are three kinds of errors:

- The worker died, or Ray ended it as memory ran out: tried again from the checkpoint, twice.
- A GPU that several trials share ran out of memory: the trial is tried again with a larger share.
- Any other exception would come again: the trial fails at once. The failure is reported as a
  result, since Tune tries a trial again after every exception that it sees.

A fault that no trial has caused, such as a full or read-only disk or a node that does not see the
search's folder, ends the search: all its trials would fail, one after the other.
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
FAILED = "convoy_failed"  # key of a result: why the trial failed here, in one line
HALT = "convoy_halt"  # key of such a result: what to do before resuming; empty if nothing
TRACE = "convoy_traceback"
LITTLE = 2**24  # bytes; Tune does not always say why it cannot write
ROOM, WRITABLE, AT_HAND = "make room first", "make it writable first", "bring it back first"


def one_line(text: str) -> str:
    """``text`` as one line for a terminal, and for PostgreSQL, which accepts no null byte."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:500]


def obstacle(folder: Path) -> tuple[str, str]:
    """Why ``folder`` cannot be written to, and what to do first; empty strings if it can.

    This may be the cause of any failure that occurred in the folder.
    """
    try:
        if shutil.disk_usage(folder).free < LITTLE:
            return f"{os.strerror(errno.ENOSPC)}: {folder}", ROOM
        if os.access(folder, os.W_OK):
            return "", ""
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        return f"{os.strerror(errno.EROFS if read_only else errno.EACCES)}: {folder}", WRITABLE
    except OSError as error:  # for example a share whose server is gone
        return f"{error.strerror}: {folder}", AT_HAND


def remedy_of(error: OSError) -> str:
    """What to do first if ``error`` means that a disk or share cannot be used; else empty."""
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
    """Tune's text on a trial's last failure; empty if there is none.

    It is read from the driver's own copy of the file, as Tune has not moved it to storage yet.
    """
    path = trial.error_file
    text = Path(path).read_text(errors="replace") if path and Path(path).is_file() else ""
    return text.rpartition("Failure # ")[2]  # the file holds all attempts


def lost_reason(trial: Trial) -> str:
    """Why Tune gave a trial up, in one line."""
    last = last_error(trial)
    if "running low on memory" in last:
        return f"OutOfMemoryError: memory ran out, and Ray ended its worker {RETRIES + 1} times"
    if ActorDiedError.BASE_ERROR_MSG in last:
        return f"WorkerDied: its worker died {RETRIES + 1} times"
    lines = [line.strip() for line in last.splitlines() if line.strip()]
    return one_line(re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1])) if lines else "unknown error"

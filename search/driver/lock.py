"""Locks a search's folder, so that only one process works in it."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from search.records.shell import command
from trainables.boundary.errors import UsageError

FILE = ".lock"
PATIENCE = 0.5  # seconds; ``is_locked`` holds the file for a moment
HOLDER = ".lock-holder"  # a file of its own: some versions of filelock empty the file they lock


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the search in ``folder``. The lock is freed when the process ends, however it ends.

    Raises:
        UsageError: another process has locked it, or this one may not write to the folder.
    """
    try:
        lock = FileLock(folder / FILE, timeout=PATIENCE).acquire()
    except Timeout as error:
        line = command("search.stop", folder.name, out=folder.parent)
        raise UsageError(
            f"{folder.name}: the search is running, as {holder_of(folder)}; wait for it, or stop "
            f"it: {line}"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{folder.name}: cannot write to {folder} ({error.strerror}); ask its owner"
        ) from error
    with lock:
        with suppress(OSError):  # the disk may be full; the lock then holds without a name
            (folder / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield


def is_locked(folder: Path) -> bool:
    """True if a process has locked the search in ``folder``. It does not wait or write.

    Any number of processes may ask at once. A lock file that cannot be read counts as locked.
    """
    try:
        with (folder / FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # usually the file does not exist
        return False
    return False


def holder_of(folder: Path) -> str:
    """The process that has locked the search in ``folder``, in words."""
    try:
        return (folder / HOLDER).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "a process that has just begun"

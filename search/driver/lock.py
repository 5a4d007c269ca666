"""One process at a time in a search's folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from trainables.boundary.errors import UsageError

FILE = ".lock"
HOLDER = ".lock-holder"  # a file of its own: some versions of filelock empty the file they lock


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the search in ``folder``. A process that dies, however it dies, frees its lock.

    Raises:
        UsageError: another process has locked it.
    """
    holder = folder / HOLDER
    try:
        lock = FileLock(folder / FILE, timeout=0).acquire()
    except Timeout as error:
        who = holder.read_text() if holder.exists() else "a process that has just begun"
        raise UsageError(
            f"--name {folder.name}: the search is running, as {who}; wait for it, or choose "
            "another name"
        ) from error
    with lock:
        with suppress(OSError):  # a full disk: the lock holds without a name
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield

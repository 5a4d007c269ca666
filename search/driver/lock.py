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
    """Hold the search in ``folder``. The lock of a process that dies is free, however it dies.

    Raises:
        UsageError: another process holds it.
    """
    holder = folder / HOLDER
    try:
        held = FileLock(folder / FILE, timeout=0).acquire()
    except Timeout as error:
        who = holder.read_text() if holder.exists() else "a process that has just begun"
        raise UsageError(
            f"--name {folder.name}: the search is running, as {who}; wait for it, or choose "
            "another name"
        ) from error
    with held:
        with suppress(OSError):  # a full disk: the lock holds without a name
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield

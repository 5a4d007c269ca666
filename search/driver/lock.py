"""One process at a time in a search's folder."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainables.boundary.errors import UsageError

FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the search in ``folder``. A process that dies lets go of it, however it dies.

    Raises:
        UsageError: another process holds it.
    """
    path = folder / FILE
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"--name {folder.name}: the search is running, as {_holder(path)}; wait for it, or "
                "choose another name"
            ) from error
        _sign(path)
        yield


def _sign(path: Path) -> None:
    with suppress(OSError):  # a full disk: the lock holds without a name
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}")


def _holder(path: Path) -> str:
    return path.read_text() or "a process that has just begun"

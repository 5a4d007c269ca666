"""Stops a search from another process, on any machine, through a file in the search's folder.

The driver creates the file empty and keeps reading it. On a shared file system, another machine's
content is seen once the file is opened, while a new file may stay unseen for a minute.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.driver.stop import Stop

FILE = ".stop"
PAUSE = 0.5  # seconds between two checks
REASON = "python -m search.stop asked for it"


def request_stop(folder: Path) -> None:
    """Ask the process that runs the search in ``folder`` to stop it."""
    (folder / FILE).write_text(f"process {os.getpid()} on {socket.gethostname()}\n")


def is_requested(folder: Path) -> bool:
    """True if the search in ``folder`` was asked to stop."""
    try:
        return bool((folder / FILE).read_bytes())
    except OSError:
        return False


def forget_requests(folder: Path) -> None:
    """Drop requests to an earlier process; only the process that has locked ``folder`` calls it."""
    with suppress(OSError):  # the disk may be full
        (folder / FILE).write_bytes(b"")


@contextmanager
def heeding_requests(folder: Path, stop: "Stop") -> Iterator[None]:
    """Stop the search in ``folder`` as SIGTERM would, once another process asks for it."""
    over = threading.Event()

    def watch() -> None:
        while not is_requested(folder):
            if over.wait(PAUSE):
                return
        _end(stop)

    thread = threading.Thread(target=watch, name="stop requests", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _end(stop: "Stop") -> None:
    if stop.signal is not None or stop.reason:  # a second signal would interrupt
        return
    if stop.asks is signal.SIGINT:  # a search outside the main thread handles no signals
        stop.halt(REASON)
        return
    stop.reason = REASON
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

"""Starts Ray on this machine while the rest of a search is read and imported.

It imports little, so that Ray starts before the slow imports.
"""

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search.driver.interruption import interrupting, same_sigterm
from search.driver.resources import Machine, allot
from trainables.boundary.errors import UsageError

if TYPE_CHECKING:
    from search.request.options import TrainingOptions
    from search.request.request import Limits

# Ray's sockets add 68 bytes to the folder's path, and a socket's path has at most 107 bytes. Ray
# also splits the command of a worker at spaces.
_FOR_SOCKETS = re.compile(r"/[A-Za-z0-9._/+-]{0,35}")
_IMPORTS = 5.0  # seconds to wait for the end of imports that are no longer needed
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")  # nosec B108 # one of them gets a private folder


@contextmanager
def local_ray(limits: "Limits | TrainingOptions") -> Iterator[Callable[[], None]]:
    """Run Ray on this machine while the context lasts; yields a function that waits for its start.

    It starts nothing if this process already has a Ray or joins a cluster.

    Raises:
        UsageError: no folder can hold Ray's sockets.
    """
    if limits.address is not None or _has_ray():
        yield lambda: None
        return
    with _session_folder() as folder, interrupting():
        started, imported, over = Future[None](), threading.Event(), threading.Event()
        hold = partial(_hold, folder, partial(workers, limits), started, imported, over)
        thread = threading.Thread(target=hold, name="ray", daemon=True)
        thread.start()
        try:
            yield started.result
        finally:
            over.set()
            # An interrupted import of the main thread may leave the other thread waiting for ever.
            thread.join(None if imported.is_set() else _IMPORTS)


def workers(limits: "Limits | TrainingOptions", machine: Machine) -> int:
    """The number of workers, with torch imported, that the first trials need on a machine."""
    if limits.pack is not None:  # most are members of a pack and do not need torch
        return 0
    try:
        wanted = limits.cpus_per_trial, limits.gpus_per_trial, limits.concurrency
        return allot([machine], *wanted).concurrency
    except UsageError:  # the search reports it
        return 0


def _hold(
    folder: str | None,
    workers: Callable[[Machine], int],
    started: "Future[None]",
    imported: threading.Event,
    over: threading.Event,
) -> None:
    """Start Ray, wait until it must end, and end it: its processes end with the starting thread.

    Ray is ended completely, whatever interrupts the main thread meanwhile.
    """
    try:
        from search.driver.local_node import AbandonedError, start

        imported.set()
        if over.is_set():
            raise AbandonedError
        with same_sigterm():
            start(folder, workers, over)
        started.set_result(None)
    except BaseException as error:
        started.set_exception(error)
    over.wait()
    _end()


def _has_ray() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


def _end() -> None:
    """End Ray, unless its import was interrupted: it must not be imported again."""
    shutdown = getattr(sys.modules.get("ray"), "shutdown", None)
    if shutdown is not None:
        shutdown()


@contextmanager
def _session_folder() -> Iterator[str | None]:
    """A private folder for Ray's sockets while it runs; None if its usual folder can hold them.

    Raises:
        UsageError: no folder is short enough.
    """
    usual = os.environ.get("RAY_TMPDIR", os.environ.get("TMPDIR", _SHORT[0]))  # as Ray chooses
    if _holds_sockets(usual):
        yield None
        return
    parent = next((each for each in _SHORT if _holds_sockets(each)), None)
    if parent is None:
        raise UsageError(
            "$TMPDIR: Ray's sockets need a writable folder whose path has at most 36 characters; "
            "set RAY_TMPDIR to one"
        )
    folder = tempfile.mkdtemp(prefix="convoy-", dir=parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _holds_sockets(folder: str) -> bool:
    """True if Ray can make its sockets below ``folder``, which need not exist."""
    nearest = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    return bool(_FOR_SOCKETS.fullmatch(folder)) and writable

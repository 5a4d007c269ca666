"""The Ray cluster that a search runs on, and what its trials get of it."""

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import ray

from search.driver.concurrency import machines
from search.driver.interruption import ray_signals
from search.driver.resources import Resources, allot, allot_packs
from search.environment import for_workers
from search.request.request import Limits
from trainables.boundary.errors import UsageError

# Ray's sockets lie 68 bytes deeper, and no path of a socket has more than 107; and Ray splits the
# command of a worker at spaces.
_FOR_SOCKETS = re.compile(r"/[A-Za-z0-9._/+-]{0,35}")
_SHORT = ("/tmp", "/var/tmp", "/dev/shm")  # nosec B108 # a private folder is made in one


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """A Ray cluster for the searches within, joined at ``address`` or started here.

    One that runs already is used, and left running.

    Raises:
        UsageError: no cluster that lets this command in answers at ``address``.
    """
    # Tune's one error names failed trials, which the table and the summary name better.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with ray_signals(), nullcontext() if ray.is_initialized() else _ray(address):
        yield


@contextmanager
def _ray(address: str | None) -> Iterator[None]:
    """Ray, joined or started, while the context lasts."""
    with _session_folder(address) as folder:
        _start_ray(address, folder)
        try:
            yield
        finally:
            ray.shutdown()


def allotted(limits: Limits) -> Resources:
    """What a trial gets of the cluster.

    On a cluster that was joined, as many trials as are asked for ask for room at once, also those
    that get none yet: an autoscaler makes room for what waits.

    Raises:
        UsageError: a trial asks for more than any machine has.
    """
    nodes = machines()
    if limits.pack is not None:
        return allot_packs(nodes, limits.pack)
    resources = allot(nodes, limits.cpus_per_trial, limits.gpus_per_trial, limits.concurrency)
    if limits.address is not None and limits.concurrency is not None:
        return Resources(resources.cpus, resources.gpus, limits.concurrency)
    return resources


@contextmanager
def _session_folder(address: str | None) -> Iterator[str | None]:
    """A private folder for the sockets of a Ray that is started here, while it runs.

    None if its usual one can hold them.

    Raises:
        UsageError: there is none.
    """
    usual = os.environ.get("RAY_TMPDIR", os.environ.get("TMPDIR", _SHORT[0]))  # as Ray chooses
    if address is not None or _holds_sockets(usual):
        yield None
        return
    parent = next((each for each in _SHORT if _holds_sockets(each)), None)
    if parent is None:
        raise UsageError(
            "$TMPDIR: Ray's sockets need a folder of 36 characters at most that can be written to; "
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


def _start_ray(address: str | None, folder: str | None) -> None:
    # The workers of a cluster that runs already do not inherit this process's variables.
    joined = {"runtime_env": {"env_vars": for_workers()}}
    own = joined if address else {"include_dashboard": False, "_temp_dir": folder}
    # Without an address Ray would join whatever cluster it finds on the machine.
    where = address or "local"
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **own)
    except ray.exceptions.AuthenticationError as error:
        raise UsageError(
            f"--address {address}: Ray refuses the token; set RAY_AUTH_MODE=token, and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH as on the cluster"
        ) from error
    except (ConnectionError, ValueError) as error:
        if address is None:
            raise
        raise UsageError(
            f"--address {address}: no Ray cluster answers ({error}); start one, or leave it out"
        ) from error

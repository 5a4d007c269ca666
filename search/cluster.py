"""The Ray cluster that a search runs on, and what its trials get of it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import ray

from search.interruption import told_by_ray
from search.request import Limits
from search.resources import Resources, allot, allot_packs
from trainables.errors import UsageError


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """A Ray cluster for the searches within, joined at ``address`` or started here.

    One that is already there is used, and left running.
    """
    # Tune's one error tells of failed trials, which the table and the summary tell better.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    started = not ray.is_initialized()
    with told_by_ray():
        if started:
            _start_ray(address)
        try:
            yield
        finally:
            if started:
                ray.shutdown()


def allotted(limits: Limits) -> Resources:
    """What a trial gets of the cluster.

    Raises:
        UsageError: more is asked for than there is.
    """
    total = ray.cluster_resources()
    cpus, gpus = int(total.get("CPU", os.cpu_count() or 1)), int(total.get("GPU", 0))
    if limits.pack is not None:
        return allot_packs(cpus, gpus, limits.pack)
    return allot(
        cpus,
        gpus,
        limits.cpus_per_trial,
        limits.gpus_per_trial,
        limits.concurrency,
    )


def _start_ray(address: str | None) -> None:
    local = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (ConnectionError, ValueError) as error:
        if address is None:
            raise
        raise UsageError(f"--address {address}: no Ray cluster answers ({error})") from error

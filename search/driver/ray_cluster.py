"""The Ray cluster that a search runs on, and the resources of its trials there."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.tune.execution import class_cache

from search.driver.concurrency import machines
from search.driver.interruption import ray_signals
from search.driver.local_ray import local_ray
from search.driver.resources import Resources, allot, allot_packs
from search.environment import for_workers
from search.request.request import Limits
from trainables.boundary.errors import UsageError


@contextmanager
def cluster(limits: Limits) -> Iterator[None]:
    """A Ray cluster while the context lasts: joined at an address, or started on this machine.

    A cluster that this process uses already is used again and left running.

    Raises:
        UsageError: no cluster answers at the address, or it refuses this command.
    """
    # Tune's only error lists failed trials; the table and the summary describe them better.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with local_ray(limits) as await_ray:
        await_ray()
        joins = limits.address is not None and not ray.is_initialized()
        with ray_signals(), _joined(str(limits.address)) if joins else _inheriting():
            yield


def allotted(limits: Limits) -> Resources:
    """The resources of a trial on the cluster.

    On a joined cluster, as many trials as the user allows request room at once, even if there is
    none yet: an autoscaler adds nodes for waiting requests.

    Raises:
        UsageError: a trial needs more than any machine has.
    """
    nodes = machines()
    if limits.pack is not None:
        return allot_packs(nodes, limits.pack)
    resources = allot(nodes, limits.cpus_per_trial, limits.gpus_per_trial, limits.concurrency)
    if limits.address is not None and limits.concurrency is not None:
        return Resources(resources.cpus, resources.gpus, limits.concurrency)
    return resources


@contextmanager
def _inheriting() -> Iterator[None]:
    """Keep Tune from giving a trial its own variables on a Ray that this process has started.

    Workers inherit this process's variables; those already started could not serve other ones.
    """
    usual = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    node = ray._private.worker._global_node
    if node is not None and node.head:
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = {}, set()
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = usual


@contextmanager
def _joined(address: str) -> Iterator[None]:
    """Join the cluster at ``address`` while the context lasts.

    Its workers do not inherit this process's variables.
    """
    variables = {"env_vars": for_workers()}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=variables)
    except ray.exceptions.AuthenticationError as error:
        raise UsageError(
            f"--address {address}: Ray refuses the token; set RAY_AUTH_MODE=token, and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH as on the cluster"
        ) from error
    except (ConnectionError, ValueError) as error:
        raise UsageError(
            f"--address {address}: no Ray cluster answers ({error}); start one, or omit --address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()

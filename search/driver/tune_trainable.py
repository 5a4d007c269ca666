"""The function that Tune runs for a trial: in a worker of its own, or in a pack of several."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.actor import ActorHandle

from search.driver.resources import Resources
from search.trials.spec import Job
from search.workers.pack_host import PackHost
from search.workers.pack_member import train_in_pack
from search.workers.train import train_trial


def trainable(job: Job, resources: Resources, milestones: Collection[int]) -> Callable[..., Any]:
    """The function that Tune runs for a trial of ``job``, with the resources to reserve.

    Args:
        job: the values that all trials share.
        resources: the resources of a trial, or of packs.
        milestones: the epochs that a trial must report separately.
    """
    if resources.packs:
        return _packed(job, resources, milestones)
    gpus = {"gpu": resources.gpus} if resources.gpus else {}
    train = partial(train_trial, milestones=milestones)
    alone: Callable[..., Any] = tune.with_resources(train, {"cpu": resources.cpus, **gpus})
    return alone


def _packed(job: Job, resources: Resources, milestones: Collection[int]) -> Callable[..., Any]:
    """Members are thin processes that share the CPUs; hosts hold the GPUs and do the work."""
    members = resources.concurrency // resources.packs
    hosts = [_host(job, resources, members, milestones) for _ in range(resources.packs)]
    member = tune.with_parameters(train_in_pack, hosts=hosts)
    packed: Callable[..., Any] = tune.with_resources(member, {"cpu": resources.cpus / members})
    return packed


def _host(job: Job, resources: Resources, members: int, milestones: Collection[int]) -> ActorHandle:
    # Every member waits for its next report in a call of its own; the others are for short calls.
    calls = 2 * members + 4
    options = {"num_cpus": 0, "num_gpus": resources.gpus, "max_concurrency": calls}
    options |= {"max_restarts": -1}  # members resume from their checkpoints in a restarted host
    return ray.remote(PackHost).options(**options).remote(job, resources.cpus, milestones)

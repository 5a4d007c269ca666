"""Where the trials of a search are trained: each in its worker, or several in one process."""

from collections.abc import Callable
from typing import Any

import ray
from ray import tune
from ray.actor import ActorHandle

from search.driver.resources import Resources
from search.trials.spec import Job
from search.workers.pack_host import PackHost
from search.workers.pack_member import train_in_pack
from search.workers.train import train_trial


def trainable(job: Job, resources: Resources) -> Callable[..., Any]:
    """What Tune runs for a trial of ``job``, with the resources that it reserves for it."""
    if resources.packs:
        return _packed(job, resources)
    gpus = {"gpu": resources.gpus} if resources.gpus else {}
    alone: Callable[..., Any] = tune.with_resources(train_trial, {"cpu": resources.cpus, **gpus})
    return alone


def _packed(job: Job, resources: Resources) -> Callable[..., Any]:
    """The thin processes of the members share the CPUs; the hosts hold the GPUs and do the work."""
    members = resources.concurrency // resources.packs
    hosts = [_host(job, resources, members) for _ in range(resources.packs)]
    member = tune.with_parameters(train_in_pack, hosts=hosts)
    packed: Callable[..., Any] = tune.with_resources(member, {"cpu": resources.cpus / members})
    return packed


def _host(job: Job, resources: Resources, members: int) -> ActorHandle:
    # Every member waits in a call of its own for its next epoch; the rest is for short calls.
    calls = 2 * members + 4
    options = {"num_cpus": 0, "num_gpus": resources.gpus, "max_concurrency": calls}
    options |= {"max_restarts": -1}  # its members resume in a new one from their checkpoints
    return ray.remote(PackHost).options(**options).remote(job, resources.cpus)

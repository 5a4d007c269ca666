"""One trial of a pack as Ray Tune runs it: a thin process that passes on the host's reports.

It does not import torch, as there are many such processes.
"""

import traceback
from operator import methodcaller
from typing import Any

import ray
from ray import tune
from ray.actor import ActorHandle
from ray.exceptions import RayActorError

from search.trials.checkpoints import report
from search.workers.failing import check_shared, report_failure


def train_in_pack(config: dict[str, Any], hosts: list[ActorHandle]) -> None:
    """Let the host with the fewest members train a trial, and pass its reports on to Tune.

    As in ``search.workers.train.train_trial``, an error is raised only if another attempt may help:
    here after the host died or ran out of memory.

    Raises:
        SystemExit: Tune has stopped the trial.
        ray.exceptions.RayActorError: the host died.
        torch.OutOfMemoryError: the host ran out of memory.
    """
    try:
        check_shared()
        _train(config, hosts)
    except RayActorError:
        raise
    except Exception as error:
        cause = getattr(error, "cause", error)  # Ray wraps the host's exception
        if type(cause).__name__ == "OutOfMemoryError":
            raise
        report_failure(cause, traceback.format_exc(), config["job"]["metric"])


def _train(config: dict[str, Any], hosts: list[ActorHandle]) -> None:
    sizes = ray.get([host.size.remote() for host in hosts])
    host, trial_id = hosts[sizes.index(min(sizes))], tune.get_context().get_trial_id()
    ray.get(host.join.remote(trial_id, config, _checkpoint()))
    try:
        while (made := ray.get(host.next.remote(trial_id))) is not None:
            metrics, state = made
            report(metrics, None if state is None else methodcaller("write_bytes", state))
    finally:
        ray.get(host.leave.remote(trial_id))


def _checkpoint() -> str | None:
    checkpoint = tune.get_checkpoint()
    return None if checkpoint is None else str(checkpoint.path)

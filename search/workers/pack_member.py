"""One trial of a pack, as Ray Tune runs it: a thin process that passes on what the host makes.

Does not import torch: there are many of these.
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
    """Have one task trained by the emptiest of ``hosts``, passing its reports on to Tune.

    Errors are as those of ``search.workers.train.train_trial``: only another try that may help is
    asked of Tune, here after the host died, or had no memory left for one more.

    Raises:
        SystemExit: Tune has stopped the trial.
        ray.exceptions.RayActorError: the host died.
        torch.OutOfMemoryError: it had no memory left.
    """
    try:
        check_shared()
        _train(config, hosts)
    except RayActorError:
        raise
    except Exception as error:
        cause = getattr(error, "cause", error)  # Ray wraps what the host raised
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

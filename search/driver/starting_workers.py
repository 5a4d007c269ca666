"""Keeps a worker that is starting for a trial from being given up for a free one."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


def sparing_starting_workers(scheduler: Any) -> Any:
    """Make a Tune scheduler skip trials whose own worker is starting when a worker becomes free.

    By default the oldest waiting trial gets the free worker, and the worker that was starting for
    it is given up. An added node would never be used if trials on the other nodes end more often
    than a worker takes to start. If no other trial waits, Tune still does so, so that no trial
    waits for a worker that never starts.
    """
    if type(scheduler).choose_trial_to_run is FIFOScheduler.choose_trial_to_run:
        scheduler.choose_trial_to_run = _oldest_without_worker
    return scheduler


def _oldest_without_worker(tune_controller: Any) -> Trial | None:
    controller = tune_controller._tune_controller  # Tune hands out a wrapper, which warns
    waiting = (each for each in controller.get_trials() if each.status == Trial.PENDING)
    return next((each for each in waiting if not _is_starting(controller, each)), None)


def _is_starting(controller: Any, trial: Trial) -> bool:
    """True if a worker has room and is starting for the trial."""
    worker = controller._trial_to_actor.get(trial)
    return worker is not None and bool(controller._actor_manager.is_actor_started(worker))

"""Workers that are starting for a trial, and those that become free meanwhile."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


def sparing_starting_workers(scheduler: Any) -> Any:
    """Have a scheduler of Tune's give a free worker to no trial whose own worker is starting.

    By default the oldest trial that waits gets it, and the worker that was starting for it is given
    up. A node that was added would never be used where the trials on the others end more often than
    a worker takes to start. Where no other trial waits, Tune still does so: no trial is left with a
    worker that never starts.
    """
    if type(scheduler).choose_trial_to_run is FIFOScheduler.choose_trial_to_run:
        scheduler.choose_trial_to_run = _oldest_without_worker
    return scheduler


def _oldest_without_worker(tune_controller: Any) -> Trial | None:
    controller = tune_controller._tune_controller  # Tune hands out a wrapper, which warns
    waiting = (each for each in controller.get_trials() if each.status == Trial.PENDING)
    return next((each for each in waiting if not _is_starting(controller, each)), None)


def _is_starting(controller: Any, trial: Trial) -> bool:
    """True if a worker has been given room, and is starting for the trial."""
    worker = controller._trial_to_actor.get(trial)
    return worker is not None and bool(controller._actor_manager.is_actor_started(worker))

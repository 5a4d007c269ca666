"""Which of the trials that wait gets a worker that has become free."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


def to_the_newest(scheduler: Any) -> Any:
    """Have a scheduler of Tune's give a worker that has become free to the newest trial.

    By default the oldest one gets it, for which a new worker may be starting already, and that is
    then given up. A node that was added would never be used where the trials on the others end more
    often than a worker takes to start.
    """
    if type(scheduler).choose_trial_to_run is FIFOScheduler.choose_trial_to_run:
        scheduler.choose_trial_to_run = _newest
    return scheduler


def _newest(tune_controller: Any) -> Trial | None:
    waiting = (each for each in reversed(tune_controller.get_trials()) if _waits(each))
    return next(waiting, None)


def _waits(trial: Trial) -> bool:
    return bool(trial.status == Trial.PENDING)

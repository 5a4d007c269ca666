"""Workers that are lost while they take their next trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial


@contextmanager
def losing_resetting_workers() -> Iterator[None]:
    """Have Tune try a trial again whose worker is lost while it takes the trial.

    Tune hears of such a loss twice, from the worker and from its task. It tries the trial again for
    the first, and by itself would fail it for the second, and take it for one that is taken still.
    """
    usual = TuneController._trial_task_failure

    def heed(controller: Any, trial: Trial, exception: Exception) -> None:
        controller._resetting_trials.discard(trial)
        if trial.status != Trial.PENDING or trial in controller._trial_to_actor:
            usual(controller, trial, exception)

    TuneController._trial_task_failure = heed
    try:
        yield
    finally:
        TuneController._trial_task_failure = usual

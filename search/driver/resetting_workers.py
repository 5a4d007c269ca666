"""Handles workers that are lost while they take their next trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial


@contextmanager
def losing_resetting_workers() -> Iterator[None]:
    """Let Tune try a trial again if its worker is lost while it takes the trial.

    Tune learns of such a loss twice, from the worker and from its task. After the first it tries
    the trial again. After the second it would by itself fail the trial, still counted as taken.
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

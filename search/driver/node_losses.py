"""Keeps the loss of a node from counting as a failure of its trials."""

import re
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search.trials.failure import last_error

# Ray's messages for work on a node that is gone or was cut off for a while. Tune itself does not
# count the loss of a node that a provider has taken back.
_PREEMPTED = r".*\s+the actor's node was preempted"
_LOST = re.compile(rf"its node has died(?!{_PREEMPTED})|The actor \w+ is unavailable")


class NodeLosses(Callback):  # type: ignore[misc]
    """Tune's callback: the loss of a node does not count as a failure of the trial.

    On machines that come and go, a long trial may lose more nodes than it may have failures. A loss
    does count if the trial has reported no epoch since the last one, as a trial may itself take its
    node down.
    """

    def __init__(self) -> None:
        self._epochs: dict[str, int] = {}

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Tune is about to try a trial again."""
        epoch = int((trial.last_result or {}).get("epoch", 0))
        if _LOST.search(last_error(trial)) and epoch > self._epochs.get(trial.trial_id, 0):
            self._epochs[trial.trial_id] = epoch
            trial.run_metadata.num_failures -= 1

"""ASHA (Li et al. 2020), with the baseline always trained to the end."""

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from search.searcher import METRIC
from search.space import Budget


class BaselineKeepingAsha(AsyncHyperBandScheduler):  # type: ignore[misc]
    """Asynchronous successive halving on validation accuracy, in one bracket.

    Trial 0 is measured on every rung as the others are, but goes on: a search says by how much it
    beats its baseline, and half a training would flatter it. One bracket, because the choice among
    several draws from numpy's global generator, and the search would no longer follow its seed.
    """

    def __init__(self, budget: Budget) -> None:
        super().__init__(
            time_attr="epoch",
            metric=METRIC,
            mode="max",
            max_t=budget.epochs,
            grace_period=min(budget.grace_epochs, budget.epochs),
            reduction_factor=budget.reduction_factor,
            brackets=1,
        )

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on the trial: CONTINUE or STOP."""
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if trial.config["number"] == 0 and result["epoch"] < self._max_t:
            return str(TrialScheduler.CONTINUE)
        return decision

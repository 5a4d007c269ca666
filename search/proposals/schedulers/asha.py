"""ASHA (Li et al. 2020), with the baseline and the guesses always trained to the end."""

from bisect import bisect
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from search.proposals.exemption import is_exempt
from search.proposals.recalling import recall
from search.space.budget import Budget, Strict, as_in_budget
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from trainables.best_epoch import ACCURACY, figure_of
from trainables.seeding import derive


class AshaOptions(Strict):
    """The options of successive halving.

    Attributes:
        grace_epochs: number of epochs that every trial gets; the first rung.
        reduction_factor: one over the share of trials that is trained past a rung.
    """

    grace_epochs: int = as_in_budget("grace_epochs")
    reduction_factor: int = as_in_budget("reduction_factor")


OPTIONS = AshaOptions


class AshaScheduler(AsyncHyperBandScheduler):  # type: ignore[misc]
    """Asynchronous successive halving by the search's metric.

    The baseline and the guesses count on every rung like other trials, but are never stopped. A
    failed trial is on no rung: it cannot win, so it stops no other.

    A trial's bracket follows from the search's seed and the trial's number. Tune would draw it from
    numpy's global generator, and the search would no longer follow from its seed.

    Args:
        budget: the budget, with grace and reduction factor.
        brackets: maximum number of brackets; each lacks the first rung of the one before, and at
            most one stops nothing.
        seed: seed of the search.
        metric: the metric that judges trials.
    """

    def __init__(
        self, budget: Budget, brackets: int = 1, seed: int = 0, metric: str = ACCURACY
    ) -> None:
        self._grace = min(budget.grace_epochs, budget.epochs)
        super().__init__(
            time_attr="epoch",
            metric=figure_of(metric),
            mode="max",
            max_t=budget.epochs,
            grace_period=self._grace,
            reduction_factor=budget.reduction_factor,
            brackets=1,
        )
        self._seed = seed
        count = min(brackets, 1 + len(self.milestones()))
        self._brackets = [self._ladder(each) for each in range(count)]  # the name that Tune uses
        weights = np.exp([-float(each) for each in range(count)])  # as in Tune: a factor e a rung
        self._ends = list(np.cumsum(weights / weights.sum()))[:-1]
        self._withdrawn: dict[str, list[tuple[dict[str, float], float]]] = {}

    def _ladder(self, bracket: int) -> _Bracket:
        return _Bracket(
            self._grace, self._max_t, self._reduction_factor, bracket, self._stop_last_trials
        )

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Put the trial on its ladder; if it is tried again, on the rungs that it has reached."""
        self._trial_info[trial.trial_id] = self._ladder_of(trial.config)
        for rung, value in self._withdrawn.pop(trial.trial_id, ()):
            rung[trial.trial_id] = value

    def _ladder_of(self, config: dict[str, Any]) -> _Bracket:
        """The ladder of the trial's bracket."""
        draw = derive(self._seed, "bracket", config["number"]) / 2**63 if self._ends else 0.0
        return self._brackets[bisect(self._ends, draw)]

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on the trial: CONTINUE or STOP."""
        if FAILED in result:
            return str(TrialScheduler.STOP)
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if is_exempt(trial.config) and result["epoch"] < self._max_t:
            return str(TrialScheduler.CONTINUE)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A trial ended, on any rung."""
        if FAILED in result:
            self.on_trial_error(tune_controller, trial)
        else:
            super().on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A trial failed. Tune also calls this before it tries a trial again and adds it again."""
        name = trial.trial_id
        rungs = [rung for _, rung in self._ladder_of(trial.config)._rungs if name in rung]
        self._withdrawn[name] = [(rung, rung.pop(name)) for rung in rungs]
        self.on_trial_remove(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """A trial is gone, from any rung."""
        self._trial_info.pop(trial.trial_id, None)

    def milestones(self) -> list[int]:
        """The rungs below the last epoch, of all brackets."""
        return [rung for rung, _ in self._ladder(0)._rungs if rung < self._max_t]

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Put the trials on the rungs that they have reached; the ids of those that end there."""
        return recall(self, histories)


def create(budget: Budget, seed: int, options: AshaOptions, metric: str) -> AshaScheduler:
    """The scheduler of a search."""
    return AshaScheduler(budget, metric=metric)

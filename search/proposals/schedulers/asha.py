"""ASHA (Li et al. 2020) on two ladders, with the baseline always trained to the end."""

from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from search.space.budget import Budget
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from trainables.best_epoch import METRIC

# Schedules whose rate falls to almost nothing at the end, and most of the accuracy comes then.
ANNEALED = ("cosine", "one_cycle")


class AshaScheduler(AsyncHyperBandScheduler):  # type: ignore[misc]
    """Asynchronous successive halving on validation accuracy.

    Trials whose learning rate anneals are compared with each other alone, and so are the others:
    half-way, a rate that falls only at the end looks worse than one that is low already, and ends
    better. One ladder for all would stop it there.

    Trial 0 is measured on every rung as the others are, but never stopped: a search says by how
    much it beats its baseline, and half a training would flatter it.

    Which ladder a trial climbs follows from its setting. Tune would draw one of several brackets
    from numpy's global generator, and the search would no longer follow its seed.
    """

    def __init__(self, budget: Budget) -> None:
        self._grace = min(budget.grace_epochs, budget.epochs)
        super().__init__(
            time_attr="epoch",
            metric=METRIC,
            mode="max",
            max_t=budget.epochs,
            grace_period=self._grace,
            reduction_factor=budget.reduction_factor,
            brackets=1,
        )
        # Tune's name for them, under which it prints and saves them: annealed, and others.
        self._brackets = [self._ladder(), self._ladder()]

    def _ladder(self) -> _Bracket:
        return _Bracket(self._grace, self._max_t, self._reduction_factor, 0, self._stop_last_trials)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Put the trial on the ladder of its kind of schedule."""
        self._trial_info[trial.trial_id] = self._ladder_of(trial.config["values"])

    def _ladder_of(self, values: dict[str, Any]) -> _Bracket:
        return self._brackets[0 if values.get("schedule") in ANNEALED else 1]

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on the trial: CONTINUE or STOP."""
        if FAILED in result:
            return str(TrialScheduler.STOP)
        decision: str = super().on_trial_result(tune_controller, trial, result)
        if trial.config["number"] == 0 and result["epoch"] < self._max_t:
            return str(TrialScheduler.CONTINUE)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A trial ended, on whatever rung it stands."""
        if FAILED in result:
            self.on_trial_remove(tune_controller, trial)
        else:
            super().on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """A trial is gone, whatever rung it stood on."""
        self._trial_info.pop(trial.trial_id, None)

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Put the trials on the rungs that they reached; the ids of those that end there.

        In the order in which they did: each is compared with those that reached the rung earlier.
        """
        stopped = set()
        reached = [(step, history.record) for history in histories for step in history.steps]
        for step, record in sorted(reached, key=lambda pair: pair[0].at):
            trial = SimpleNamespace(trial_id=record.trial_id)
            ladder = self._ladder_of(record.values)
            decision = ladder.on_result(trial, step.epochs, step.last[METRIC])
            stops = decision == TrialScheduler.STOP and record.number > 0
            if step.epochs == record.epochs and (stops or step.epochs >= self._max_t):
                stopped.add(record.trial_id)
        return stopped


def create(budget: Budget) -> AshaScheduler:
    """The scheduler of a search."""
    return AshaScheduler(budget)

"""Optuna's search within Ray Tune, told the truth about how every trial ended."""

from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch

from search.scoreboard import BASELINE
from search.space import Sampler
from search.task import Job, Task

METRIC = "val_accuracy"


class TruthfulOptunaSearch(OptunaSearch):  # type: ignore[misc]
    """OptunaSearch that tells COMPLETE, PRUNED and FAIL as they are.

    Ray's own tells Optuna that a trial which the scheduler stopped is complete, with its last,
    low-budget value, and leaves that value out of the intermediate ones. Here a trial that was
    stopped is PRUNED with all its intermediate values, one that ran to the end is COMPLETE with the
    value of its best epoch, and one that failed is FAIL.

    Args:
        sampler: draws a trial's values; its first points, the baseline's first of all, become
            the first trials.
        job: what all trials share.
        trials: how many there will be; a quarter of them, 4 to 10, are drawn at random at first.
    """

    def __init__(self, sampler: Sampler, job: Job, trials: int) -> None:
        startup = max(4, min(10, trials // 4))
        tpe = TPESampler(seed=job.seed, n_startup_trials=startup)
        super().__init__(
            space=sampler,
            metric=METRIC,
            mode="max",
            points_to_evaluate=sampler.first_points(),
            sampler=tpe,
        )
        self._job = job

    @property
    def study(self) -> optuna.Study:
        """The Optuna study behind the search."""
        study: optuna.Study = self._ot_study
        return study

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The configuration of the next trial."""
        trial = self._ot_trials[trial_id] = self._ot_study.ask()
        label = BASELINE if trial.number == 0 else ""
        return Task(self._job, trial.number, self._space(trial), label).as_config()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record an intermediate value, once an epoch."""
        trial = self._ot_trials[trial_id]
        epoch, value = result.get("epoch"), result.get(METRIC)
        if epoch is not None and value is not None and epoch not in self._reported(trial_id):
            trial.report(value, epoch)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna how the trial ended."""
        if trial_id in self._completed_trials or trial_id not in self._ot_trials:
            return
        self._completed_trials.add(trial_id)
        if result and not error:
            self.on_trial_result(trial_id, result)
        values = self._reported(trial_id)
        if error or not values:
            self._ot_study.tell(self._ot_trials[trial_id], state=TrialState.FAIL)
        elif max(values) < self._job.epochs:
            self._ot_study.tell(self._ot_trials[trial_id], state=TrialState.PRUNED)
        else:
            self._ot_study.tell(self._ot_trials[trial_id], max(values.values()))

    def _reported(self, trial_id: str) -> dict[int, float]:
        number = self._ot_trials[trial_id].number
        frozen: optuna.trial.FrozenTrial = self._ot_study.trials[number]
        return frozen.intermediate_values

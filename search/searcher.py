"""Optuna's search within Ray Tune, told the truth about how every trial ended."""

import pickle
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from search.bounded_study import MOST, BoundedStudy
from search.scoreboard import BASELINE
from search.space import Sampler
from search.task import Job, Task

METRIC = "val_accuracy"


class TruthfulOptunaSearch(Searcher):  # type: ignore[misc]
    """Tune's searcher over an Optuna study that is told COMPLETE, PRUNED and FAIL as they are.

    Ray's own ``OptunaSearch`` tells Optuna that a trial which the scheduler stopped is complete,
    with its last, low-budget value, and leaves that value out of the intermediate ones. Here a
    trial that was stopped is PRUNED with all its intermediate values, one that ran to the end is
    COMPLETE with the value of its best epoch, and one that failed is FAIL.

    Args:
        sampler: draws a trial's values; its first points, the baseline's first of all, become
            the first trials.
        job: what all trials share.
        trials: how many there will be; a quarter of them, 4 to 10, are drawn at random at first.
        most: trials of the history that is sampled from, see ``BoundedStudy``; None for all.
    """

    def __init__(self, sampler: Sampler, job: Job, trials: int, most: int | None = MOST) -> None:
        super().__init__(metric=METRIC, mode="max")
        startup = max(4, min(10, trials // 4))
        self._sampler, self._job = sampler, job
        self._bounded = BoundedStudy(job.seed, startup, sampler.first_points(), most)
        self._numbers: dict[str, int] = {}  # of the trials under way, by Tune's name

    @property
    def study(self) -> optuna.Study:
        """The Optuna study behind the search; of a long one, what the sampler still needs."""
        return self._bounded.study

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The configuration of the next trial."""
        number, trial = self._bounded.ask()
        self._numbers[trial_id] = number
        label = BASELINE if number == 0 else ""
        return Task(self._job, number, self._sampler(trial), label).as_config()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record an intermediate value, once an epoch."""
        epoch, value = result.get("epoch"), result.get(METRIC)
        if epoch is not None and value is not None:
            self._bounded.report(self._numbers[trial_id], epoch, value)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna how the trial ended."""
        if trial_id not in self._numbers:
            return
        if result and not error:
            self.on_trial_result(trial_id, result)
        number = self._numbers.pop(trial_id)
        values = self._bounded.reported(number)
        if error or not values:
            self._bounded.tell(number, TrialState.FAIL)
        elif max(values) < self._job.epochs:
            self._bounded.tell(number, TrialState.PRUNED)
        else:
            self._bounded.tell(number, TrialState.COMPLETE, max(values.values()))

    def save(self, checkpoint_path: str) -> None:
        """Write the state to a file, from which ``restore`` goes on."""
        Path(checkpoint_path).write_bytes(pickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        """Go on from a state that ``save`` wrote."""
        self.__dict__.update(pickle.loads(Path(checkpoint_path).read_bytes()))

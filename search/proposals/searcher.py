"""Connects Optuna to Ray Tune, and tells it how each trial really ended."""

from typing import Any

import optuna
from optuna.trial import TrialState

from search.proposals import samplers
from search.proposals.protocols import Proposer
from search.proposals.study import BoundedStudy
from search.space.constraints import Constraints, excesses
from search.space.sampler import SpaceSampler
from search.trials.checkpoints import epochs_of
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from search.trials.record import Status
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables.best_epoch import improves


def startup(trials: int) -> int:
    """The number of a search's ``trials`` before the first one that uses earlier results."""
    return max(4, min(10, trials // 2))


class OptunaSearcher(Proposer):
    """Tune's searcher over an Optuna study that gets the true states COMPLETE, PRUNED and FAIL.

    Ray's own ``OptunaSearch`` reports a trial that the scheduler stopped as complete, with its
    last, low-budget value, and omits that value from the intermediate ones. Here a stopped trial is
    PRUNED with all its intermediate values, one that ran to the end is COMPLETE with the value of
    its best epoch, and one that failed is FAIL.

    Args:
        sampler: draws a trial's values; its first points, beginning with the baseline, become
            the first trials.
        job: the values that all trials share.
        trials: number of trials; half of them, but 4 to 10, come before the first one that uses
            earlier results: the sampler's first points, then random ones.
        constraints: Optuna prefers settings near trials whose best epoch holds them or misses
            them by little.
        method: name of a file in ``search/proposals/samplers``.
    """

    def __init__(
        self,
        sampler: SpaceSampler,
        job: Job,
        trials: int,
        constraints: Constraints | None = None,
        method: str = samplers.DEFAULT,
    ) -> None:
        super().__init__()
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # no warnings, such as on a poor fit
        self._sampler, self._job = sampler, job
        self._guessed = sampler.guessed()
        self._bounded = BoundedStudy(
            job.seed, startup(trials), sampler.first_points(), sampler=method
        )
        self._numbers: dict[str, int] = {}  # numbers of the running trials by Tune's names
        self._constraints: Constraints = constraints or {}
        self._best: dict[int, dict[str, Any]] = {}  # metrics of their best epochs by number

    @property
    def study(self) -> optuna.Study:
        """The Optuna study; in a long search only the trials that the sampler still needs."""
        return self._bounded.study

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The configuration of the next trial."""
        number, trial = self._bounded.ask()
        self._numbers[trial_id] = number
        label, guessed = (
            BASELINE if number == 0 else "",
            self._bounded.place(number) in self._guessed,
        )
        values = self._sampler(trial)
        return TrialSpec(self._job, number, values, label, guessed=guessed).as_config()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record the intermediate values of a report, one for each epoch."""
        if FAILED in result:
            return
        number = self._numbers[trial_id]
        for figures in epochs_of(result):
            epoch, value = figures.get("epoch"), figures.get(self._job.figure)
            if epoch is None or value is None:
                continue
            self._bounded.report(number, epoch, value)
            if improves(figures, self._best.get(number, {}), self._job.metric):
                self._best[number] = figures

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna how the trial ended."""
        if trial_id not in self._numbers:
            return
        failed = error or FAILED in (result or {})
        if result and not failed:
            self.on_trial_result(trial_id, result)
        self._end(trial_id, failed)

    def _end(self, trial_id: str, failed: bool) -> None:
        number = self._numbers.pop(trial_id)
        values = self._bounded.reported(number)
        if best := self._best.pop(number, None):
            self._bounded.constrain(number, excesses(self._constraints, best))
        if failed or not values:
            self._bounded.tell(number, TrialState.FAIL)
        elif max(values) < self._job.epochs:
            self._bounded.tell(number, TrialState.PRUNED)
        else:
            self._bounded.tell(number, TrialState.COMPLETE, max(values.values()))

    def recall(self, history: TrialHistory) -> None:
        """Load a trial of this search from its record.

        For a finalist's training it only notes number and seed, which trials that are added later
        do not use: so numbers are unique, and the seeds of finals stay fresh for all trials.
        """
        record = history.record
        if record.spec.repeats is not None:
            self._bounded.reserve(record.number)
            self._bounded.reserve(record.spec.seeded_by)
            return
        self._sampler(self._bounded.ask_for(record.number, self._sampler.point(record.values)))
        self._numbers[record.trial_id] = record.number
        for step in history.steps:
            self.on_trial_result(record.trial_id, {**step.last, "epoch": step.epochs})
        if record.status.is_final:
            self._end(record.trial_id, failed=record.status is Status.FAILED)

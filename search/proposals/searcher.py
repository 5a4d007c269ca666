"""Optuna's search within Ray Tune, with the true end of every trial."""

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
    """How many of a search's ``trials`` come before the first that is drawn by what was learnt."""
    return max(4, min(10, trials // 2))


class OptunaSearcher(Proposer):
    """Tune's searcher over an Optuna study that gets COMPLETE, PRUNED and FAIL as they are.

    Ray's own ``OptunaSearch`` tells Optuna that a trial which the scheduler stopped is complete,
    with its last, low-budget value, and leaves that value out of the intermediate ones. Here a
    trial that was stopped is PRUNED with all its intermediate values, one that ran to the end is
    COMPLETE with the value of its best epoch, and one that failed is FAIL.

    Args:
        sampler: draws a trial's values; its first points, the baseline's first of all, become
            the first trials.
        job: what all trials share.
        trials: how many there will be; half of them, 4 to 10, come before the first that is
            drawn by what was learnt: the sampler's first points, and others at random.
        constraints: Optuna draws nearer to trials whose best epoch holds them, and to those that
            miss them by little.
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
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # a kernel that fits badly, for one
        self._sampler, self._job = sampler, job
        self._guessed = sampler.guessed()
        self._bounded = BoundedStudy(
            job.seed, startup(trials), sampler.first_points(), sampler=method
        )
        self._numbers: dict[str, int] = {}  # of the trials under way, by Tune's name
        self._constraints: Constraints = constraints or {}
        self._best: dict[int, dict[str, Any]] = {}  # their best epochs' figures, by number

    @property
    def study(self) -> optuna.Study:
        """The Optuna study behind the search; of a long one, what the sampler still needs."""
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
        """Record the intermediate values of a report, once an epoch."""
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
        """Learn of a trial of this search from its record.

        Of a finalist's training it learns the number and the seed: a trial that is added later has
        others, so that numbers are unique and the seeds of finals stay fresh for all trials.
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

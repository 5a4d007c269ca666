"""The median stopping rule (Golovin et al. 2017, "Google Vizier"), based on Tune's own."""

from typing import Any, NamedTuple

from pydantic import Field
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule, TrialScheduler

from search.proposals.exemption import is_exempt
from search.proposals.recalling import recall
from search.space.budget import Budget, Strict, as_in_budget
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from trainables.best_epoch import figure_of


class MedianOptions(Strict):
    """The options of the median stopping rule.

    Attributes:
        grace_epochs: number of epochs that every trial gets; earlier epochs count in no mean.
        min_samples: minimum number of trials that have come as far before one is stopped.
    """

    grace_epochs: int = as_in_budget("grace_epochs")
    min_samples: int = Field(default=3, ge=1)


OPTIONS = MedianOptions


class MedianScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops a trial whose best score is below the median of the others' running means.

    The means are taken over the trials that have come as far, from the grace to the same epoch. The
    baseline and the guesses count like other trials, but are never stopped. A failed trial no
    longer counts.

    Args:
        epochs: maximum number of epochs of a trial.
        options: the options from the space.
        metric: the metric that judges trials.
    """

    def __init__(self, epochs: int, options: MedianOptions, metric: str) -> None:
        super().__init__()
        self._epochs, self._figure = epochs, figure_of(metric)
        self._rule = _Rule(options, self._figure)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A trial begins, continues, or is tried again."""
        self._rule.restore(_Key(trial.trial_id))

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on the trial: CONTINUE or STOP."""
        if FAILED in result:
            return str(TrialScheduler.STOP)
        stops = self._rule.stops(_Key(trial.trial_id), result["epoch"], result[self._figure])
        if result["epoch"] >= self._epochs or (stops and not is_exempt(trial.config)):
            return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """A trial ended, after its last epoch was reported."""
        if FAILED in result:
            self.on_trial_error(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A trial failed. Tune also calls this before it tries a trial again and adds it again."""
        self._rule.withdraw(_Key(trial.trial_id))

    def milestones(self) -> range:
        """All epochs, as those before the grace count in a trial's best score."""
        return range(1, self._epochs)

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Load the curves of the trials; the ids of those that end at their present epochs."""
        return recall(self, histories)


class _Key(NamedTuple):
    """The rule's key for a trial, as Tune makes a new object for a resumed trial."""

    trial_id: str


class _Rule(MedianStoppingRule):  # type: ignore[misc]
    """Tune's rule over all trials; each epoch of a trial counts once."""

    def __init__(self, options: MedianOptions, figure: str) -> None:
        super().__init__(
            time_attr="epoch",
            metric=figure,
            mode="max",
            grace_period=options.grace_epochs,
            min_samples_required=options.min_samples,
        )
        self._last_pause: dict[_Key, float] = {}  # no trial pauses; Tune's own cannot be pickled
        self._withdrawn: dict[_Key, list[dict[str, Any]]] = {}
        self._means: dict[tuple[_Key, int], float] = {}

    def stops(self, trial: _Key, epoch: int, value: float) -> bool:
        """True if the trial must stop after this epoch; False for an epoch reported before."""
        known = self._results.get(trial)
        if known and epoch <= known[-1]["epoch"]:
            return False
        decision = self.on_trial_result(None, trial, {"epoch": epoch, self._metric: value})
        self._stopped_trials.discard(trial)  # the caller may let it continue all the same
        return bool(decision == TrialScheduler.STOP)

    def withdraw(self, trial: _Key) -> None:
        """Exclude a trial from now on."""
        if trial in self._results:
            self._withdrawn[trial] = self._results.pop(trial)

    def restore(self, trial: _Key) -> None:
        """Include an excluded trial again."""
        if trial in self._withdrawn:
            self._results[trial] = self._withdrawn.pop(trial)

    def _running_mean(self, trial: _Key, time: int) -> float:
        """Tune's running mean, computed once, as it never changes."""
        if (trial, time) not in self._means:
            self._means[trial, time] = float(super()._running_mean(trial, time))
        return self._means[trial, time]

    def _on_insufficient_samples(self, tune_controller: Any, trial: _Key, time: int) -> str:
        return str(TrialScheduler.CONTINUE)


def create(budget: Budget, seed: int, options: MedianOptions, metric: str) -> MedianScheduler:
    """The scheduler of a search."""
    return MedianScheduler(budget.epochs, options, metric)

"""The median stopping rule (Golovin et al. 2017, "Google Vizier"), Tune's own behind it."""

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
    """When the rule begins.

    Attributes:
        grace_epochs: epochs that every trial gets; earlier ones count in no mean.
        min_samples: trials that have come as far, without which none is stopped.
    """

    grace_epochs: int = as_in_budget("grace_epochs")
    min_samples: int = Field(default=3, ge=1)


OPTIONS = MedianOptions


class MedianScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops a trial whose best score is below the median of the others' running means.

    The means are those of the trials that have come as far, from the grace to the same epoch. The
    baseline and the guesses count as the others do, but are never stopped. A trial that failed no
    longer counts.

    Args:
        epochs: the most of a trial.
        options: of the space.
        metric: what trials are judged by.
    """

    def __init__(self, epochs: int, options: MedianOptions, metric: str) -> None:
        super().__init__()
        self._epochs, self._figure = epochs, figure_of(metric)
        self._rule = _Rule(options, self._figure)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A trial begins, goes on, or is tried again."""
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
        """A trial ended; its last epoch was reported before."""
        if FAILED in result:
            self.on_trial_error(tune_controller, trial)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """A trial failed. Tune says so too before it tries one again, and then adds it anew."""
        self._rule.withdraw(_Key(trial.trial_id))

    def milestones(self) -> range:
        """All epochs: those before the grace count in a trial's best."""
        return range(1, self._epochs)

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Learn the curves of the trials; the ids of those that end where they stand."""
        return recall(self, histories)


class _Key(NamedTuple):
    """What the rule knows a trial by: Tune makes a new object of one that is resumed."""

    trial_id: str


class _Rule(MedianStoppingRule):  # type: ignore[misc]
    """Tune's rule over all trials, each of whose epochs it takes once."""

    def __init__(self, options: MedianOptions, figure: str) -> None:
        super().__init__(
            time_attr="epoch",
            metric=figure,
            mode="max",
            grace_period=options.grace_epochs,
            min_samples_required=options.min_samples,
        )
        self._last_pause: dict[_Key, float] = {}  # none pauses here; Tune's cannot be pickled
        self._withdrawn: dict[_Key, list[dict[str, Any]]] = {}
        self._means: dict[tuple[_Key, int], float] = {}

    def stops(self, trial: _Key, epoch: int, value: float) -> bool:
        """True if the trial ends after this epoch, which may have been reported before."""
        known = self._results.get(trial)
        if known and epoch <= known[-1]["epoch"]:
            return False
        decision = self.on_trial_result(None, trial, {"epoch": epoch, self._metric: value})
        self._stopped_trials.discard(trial)  # whether it goes on all the same is not decided here
        return bool(decision == TrialScheduler.STOP)

    def withdraw(self, trial: _Key) -> None:
        """Leave a trial out from now on."""
        if trial in self._results:
            self._withdrawn[trial] = self._results.pop(trial)

    def restore(self, trial: _Key) -> None:
        """Count a trial that was left out again."""
        if trial in self._withdrawn:
            self._results[trial] = self._withdrawn.pop(trial)

    def _running_mean(self, trial: _Key, time: int) -> float:
        """Tune's, computed once: it never changes."""
        if (trial, time) not in self._means:
            self._means[trial, time] = float(super()._running_mean(trial, time))
        return self._means[trial, time]

    def _on_insufficient_samples(self, tune_controller: Any, trial: _Key, time: int) -> str:
        return str(TrialScheduler.CONTINUE)


def create(budget: Budget, seed: int, options: MedianOptions, metric: str) -> MedianScheduler:
    """The scheduler of a search."""
    return MedianScheduler(budget.epochs, options, metric)

"""Ray Tune's own search by Optuna with its own ASHA, both with their defaults.

They get the calls of Tune's controller: a result for every epoch, and the last one again when the
scheduler stops a trial. So ``OptunaSearch`` treats a stopped trial as complete, with its last
value. A table of final values has one epoch, at which no scheduler stops anything.
"""

from types import SimpleNamespace

from optuna import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.searchers.method import Lease, Method, Task
from benchmarks.searchers.places import named
from benchmarks.searchers.progress import TrainingState
from search.space.domain import suggest
from trainables.recipe import Value

METRIC = "value"


class RaySearch:
    """``OptunaSearch`` with its default TPE, and ``AsyncHyperBandScheduler``."""

    def __init__(self, task: Task, seed: int) -> None:
        self._task = task
        self._values: dict[str, Value] = {}
        self._search = OptunaSearch(
            self._draw,
            metric=METRIC,
            mode="max",
            points_to_evaluate=[named(task.domains, values) for values in task.first],
            seed=seed,
        )
        self._scheduler = AsyncHyperBandScheduler(metric=METRIC, mode="max", max_t=task.epochs)
        self._trials: list[SimpleNamespace] = []
        self._running: dict[int, TrainingState] = {}

    def _draw(self, trial: Trial) -> None:
        """Draw a setting in a define-by-run function."""
        self._values = suggest(self._task.domains, trial, {})

    def next(self) -> Lease:
        """The next setting, always a new one."""
        number = len(self._trials)
        trial = SimpleNamespace(trial_id=f"{number:05d}")
        self._search.suggest(trial.trial_id)
        self._scheduler.on_trial_add(None, trial)
        self._trials.append(trial)
        self._running[number] = TrainingState(self._task.epochs)
        return Lease(number, self._values, self._task.epochs)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Pass a result on, and return the scheduler's decision."""
        progress, tune = self._running[trial], self._trials[trial]
        progress.report(epoch, value)
        result = {METRIC: value, "training_iteration": epoch}
        decision = self._scheduler.on_trial_result(None, tune, result)
        if decision == TrialScheduler.STOP:
            progress.stopped = True
            self._search.on_trial_complete(tune.trial_id, result)
            return False
        self._search.on_trial_result(tune.trial_id, result)
        return True

    def ended(self, trial: int) -> None:
        """Report a trial that diverged; the scheduler ended all others."""
        if self._running.pop(trial).diverged:
            tune = self._trials[trial]
            self._scheduler.on_trial_error(None, tune)
            self._search.on_trial_complete(tune.trial_id, error=True)


def create(task: Task, seed: int, trials: int) -> Method:
    """Ray's search of a task."""
    return RaySearch(task, seed)


CURVES = {"ray optuna asha": create}
TABLES = {"ray optuna": create}

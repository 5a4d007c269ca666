"""Plain Optuna: its samplers with its pruners, each with its defaults.

A training that reaches its last epoch is complete with the value of its best epoch, which counts
here, and is not pruned at that epoch.
"""

from functools import partial

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import TrialState

from benchmarks.searchers.method import Lease, Method, Task
from benchmarks.searchers.places import named
from benchmarks.searchers.progress import TrainingState
from search.space.domain import suggest


class OptunaStudy:
    """A study that is asked, told and pruned."""

    def __init__(self, task: Task, sampler: BaseSampler, pruner: BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._task = task
        self._study = optuna.create_study(  # Hyperband's brackets follow from the study's name
            direction="maximize", sampler=sampler, pruner=pruner, study_name=task.name
        )
        for values in task.first:
            self._study.enqueue_trial(named(task.domains, values))
        self._trials: dict[int, optuna.Trial] = {}
        self._running: dict[int, TrainingState] = {}

    def next(self) -> Lease:
        """The next setting, always a new one."""
        trial = self._study.ask()
        values = suggest(self._task.domains, trial, {})
        self._trials[trial.number] = trial
        self._running[trial.number] = TrainingState(self._task.epochs)
        return Lease(trial.number, values, self._task.epochs)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Report an epoch's value, and return the pruner's decision."""
        progress = self._running[trial]
        progress.report(epoch, value)
        self._trials[trial].report(value, epoch)
        progress.stopped = epoch < progress.until and self._trials[trial].should_prune()
        return not progress.stopped

    def ended(self, trial: int) -> None:
        """Tell the study the trial's final state."""
        progress, asked = self._running.pop(trial), self._trials.pop(trial)
        if progress.stopped:
            self._study.tell(asked, state=TrialState.PRUNED)
        elif progress.diverged:
            self._study.tell(asked, state=TrialState.FAIL)
        else:
            self._study.tell(asked, progress.best)


def tpe(task: Task, seed: int, trials: int, pruner: type[BasePruner] = NopPruner) -> Method:
    """TPE; without a pruner, every training runs to its end."""
    return OptunaStudy(task, TPESampler(seed=seed), pruner())


def hyperband(task: Task, seed: int, trials: int) -> Method:
    """TPE with Hyperband, which knows the number of epochs from the start."""
    return OptunaStudy(task, TPESampler(seed=seed), HyperbandPruner(max_resource=task.epochs))


def process(task: Task, seed: int, trials: int) -> Method:
    """The Gaussian process; every training runs to its end."""
    return OptunaStudy(task, GPSampler(seed=seed), NopPruner())


TABLES = {"optuna tpe": tpe, "optuna gp": process}
CURVES = {"optuna tpe hyperband": hyperband, "optuna tpe median": partial(tpe, pruner=MedianPruner)}
SLOW = ("optuna gp",)

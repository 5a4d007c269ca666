"""Syne Tune's BOHB: kernel densities, and asynchronous successive halving (grace 1, factor 3).

Its spaces have no nested keys. So all keys are drawn in every trial, and those that a setting does
not have are left out.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.baselines import BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.searchers.method import Lease, Method, Task
from benchmarks.searchers.places import middle, places, positions, setting, words
from benchmarks.searchers.progress import TrainingState
from search.space.domain import Options, Range, Values
from trainables.recipe import Value

METRIC, EPOCH = "value", "epoch"


class SyneTune:
    """``BOHB`` with its defaults, driven as by Syne Tune's own tuner."""

    def __init__(self, task: Task, seed: int) -> None:
        self._task = task
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        self._draws: Any = np.random.RandomState(seed).get_state()
        self._scheduler = BOHB(
            {place.name: _domain(place.domain) for place in places(task.domains)},
            metric=METRIC,
            time_attr=EPOCH,
            max_t=task.epochs,
            do_minimize=False,
            random_seed=seed,
            points_to_evaluate=[_point(task, values) for values in task.first],
        )
        self._trials: list[Trial] = []
        self._running: dict[int, TrainingState] = {}

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Give this search its own state of numpy's global generator, from which BOHB draws.

        Warnings are ignored: its densities divide by zero if all good settings have one word.
        """
        others = np.random.get_state()
        np.random.set_state(self._draws)
        try:
            with warnings.catch_warnings(action="ignore"):
                yield
        finally:
            self._draws = np.random.get_state()
            np.random.set_state(others)

    def next(self) -> Lease | None:
        """The next setting, always a new one; None if the space is exhausted."""
        with self._seeded():
            suggestion = self._scheduler.suggest()
            if suggestion is None:
                return None
            number, config = len(self._trials), suggestion.config
            self._trials.append(Trial(number, config, datetime.fromtimestamp(0)))
            self._scheduler.on_trial_add(self._trials[number])
        self._running[number] = TrainingState(self._task.epochs)
        return Lease(number, setting(self._task.domains, config), self._task.epochs)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Pass a result on, and return the scheduler's decision; it stops at the last epoch."""
        progress = self._running[trial]
        progress.report(epoch, value)
        result = {METRIC: value, EPOCH: epoch}
        with self._seeded():
            decision = self._scheduler.on_trial_result(self._trials[trial], result)
        progress.stopped = decision == SchedulerDecision.STOP
        return not progress.stopped

    def ended(self, trial: int) -> None:
        """Report a trial that diverged; the scheduler ended all others."""
        if self._running.pop(trial).diverged:
            self._scheduler.on_trial_error(self._trials[trial])


def _domain(domain: Range | Values | Options) -> Any:
    if not isinstance(domain, Range):
        return choice(words(domain))
    if domain.whole:
        return (lograndint if domain.log else randint)(domain.low, domain.high)
    return (loguniform if domain.log else uniform)(domain.low, domain.high)


def _point(task: Task, values: dict[str, Value]) -> dict[str, Value]:
    """A setting with a value for every key, including keys that it does not have."""
    middles = {place.name: middle(place.domain) for place in places(task.domains)}
    return middles | positions(task.domains, values)


def create(task: Task, seed: int, trials: int) -> Method:
    """BOHB's search of a task."""
    return SyneTune(task, seed)


METHODS = {"syne-tune bohb": create}

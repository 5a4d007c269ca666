"""A table of recorded trainings, with statistics of all its settings."""

from collections.abc import Sequence
from dataclasses import dataclass

import optuna

from benchmarks.searchers.method import Curve, Task
from search.space.domain import Domains, Fixed, active_keys, suggest
from trainables.recipe import Value
from trainables.seeding import derive

FIRST = 10  # settings that all methods share


@dataclass(frozen=True)
class Table:
    """A task and the values that regret is measured by.

    Attributes:
        name: name of the table.
        domains: the possible settings.
        epochs: epochs of a full training.
        trials: the budget in full trainings.
        curve: returns the curve of a setting, without noise.
        best: value of the table's best setting, each at its best epoch.
        median: value of the table's median setting, each at its best epoch.
        starts: settings to begin with: a default, then guesses. Others are drawn.
        grace_epochs: epochs that the table's own space gives every trial.
        noise: standard deviation of the noise that is added to every reported value.
    """

    name: str
    domains: Domains
    epochs: int
    trials: int
    curve: Curve
    best: float
    median: float
    starts: tuple[dict[str, Value], ...] = ()
    grace_epochs: int = 1
    noise: float = 0.0

    def task(self, seed: int) -> Task:
        """The task with a seed, which draws the first settings after ``starts``."""
        first = list(self.starts)
        for values in drawn(self.domains, derive(seed, "first", self.name), 2 * FIRST):
            if len(first) < FIRST and values not in first:
                first.append(values)
        points, written = tuple(first), max(1, len(self.starts))
        return Task(
            self.name, self.domains, self.epochs, points, self.curve, self.grace_epochs, written
        )

    def regret(self, value: float) -> float:
        """The regret: 0 for the table's best setting, 1000 for its median one."""
        return 1000 * (self.best - value) / (self.best - self.median)


def drawn(domains: Domains, seed: int, count: int) -> Sequence[dict[str, Value]]:
    """Settings drawn at random."""
    study = _random_study(seed)
    return [suggest(domains, study.ask(), {}) for _ in range(count)]


def completed(domains: Domains, values: dict[str, Value]) -> dict[str, Value]:
    """A setting with ``values``; missing keys are drawn at random."""
    study = _random_study(0)
    keys = [key for key in active_keys(domains, values) if not isinstance(key[2], Fixed)]
    study.enqueue_trial({name: values[key] for name, key, _ in keys if key in values})
    return suggest(domains, study.ask(), {})


def _random_study(seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed % 2**32))

"""What a method of searching is, and what it knows of a task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from search.space.domain import Domains
from trainables.recipe import Value

Curve = Callable[[dict[str, Value]], list[float]]


@dataclass(frozen=True)
class Lease:
    """A training that a worker begins, or goes on with.

    Attributes:
        trial: the setting's number; the same number again means that its training goes on.
        values: the setting.
        until: the epoch at which the worker comes back at the latest.
    """

    trial: int
    values: dict[str, Value]
    until: int


class Method(Protocol):
    """Proposes settings and decides how long each is trained; larger values are better."""

    def next(self) -> Lease | None:
        """What a free worker trains; None if nothing until another training reports or ends."""

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """The value after an epoch; True if the training goes on."""

    def ended(self, trial: int) -> None:
        """The training's worker is free: it was stopped, reached its ``until``, or diverged."""


@dataclass(frozen=True)
class Task:
    """What is searched.

    Attributes:
        name: of the table.
        domains: what may be tried; grids of numbers are whole ranges of their indices.
        epochs: of a full training; 1 where a table has final values alone.
        first: settings that every method tries first, in this order.
        written: how many of these are a default and guesses that somebody wrote; others are drawn.
        curve: a value for each epoch of a setting; fewer than ``epochs`` if it diverges.
        grace_epochs: those that the task's own space gives every trial.
    """

    name: str
    domains: Domains
    epochs: int
    first: tuple[dict[str, Value], ...]
    curve: Curve
    grace_epochs: int = 1
    written: int = 1


# From a task, a seed, and a budget in full trainings.
Make = Callable[[Task, int, int], Method]

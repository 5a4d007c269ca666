"""The interface of a method of searching, and of its task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from search.space.domain import Domains
from trainables.recipe import Value

Curve = Callable[[dict[str, Value]], list[float]]


@dataclass(frozen=True)
class Lease:
    """A training that a worker begins or continues.

    Attributes:
        trial: the setting's number; a known number means that its training continues.
        values: the setting.
        until: the last epoch before the worker asks again.
    """

    trial: int
    values: dict[str, Value]
    until: int


class Method(Protocol):
    """Proposes settings and decides how long each is trained; larger values are better."""

    def next(self) -> Lease | None:
        """The next training of a free worker; None until another training reports or ends."""

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Take the value after an epoch; return True if the training continues."""

    def ended(self, trial: int) -> None:
        """The training's worker is free: it was stopped, reached its ``until``, or diverged."""


@dataclass(frozen=True)
class Task:
    """The task of a method.

    Attributes:
        name: name of the table.
        domains: the possible settings; grids of numbers are ranges of their indices.
        epochs: epochs of a full training; 1 if a table has only final values.
        first: settings that every method tries first, in this order.
        written: number of these that are a default or written guesses; the others are drawn.
        curve: returns the values of a setting's epochs; fewer than ``epochs`` if it diverges.
        grace_epochs: epochs that the task's own space gives every trial.
    """

    name: str
    domains: Domains
    epochs: int
    first: tuple[dict[str, Value], ...]
    curve: Curve
    grace_epochs: int = 1
    written: int = 1


# Makes a method from a task, a seed, and a budget in full trainings.
Make = Callable[[Task, int, int], Method]

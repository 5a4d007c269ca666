"""Methods that ask for a setting with a budget, and are told a loss once it is spent."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.searchers.method import Lease, Task
from trainables.recipe import Value

WORST = 1.0  # loss of a setting that diverged; accuracies are in [0, 1]


@dataclass(frozen=True)
class Job:
    """What a library asks for.

    Attributes:
        key: what the library knows the setting by.
        values: the setting.
        budget: in epochs; rounded, as a training has whole ones.
        handle: what it wants back with the loss.
    """

    key: Hashable
    values: dict[str, Value]
    budget: float
    handle: Any

    @property
    def until(self) -> int:
        """The epoch at which the budget is spent."""
        return max(1, round(self.budget))


@dataclass
class Spent:
    """A setting's values by epoch, and what it was asked for last."""

    number: int
    job: Job
    values: list[float] = field(default_factory=list)

    @property
    def loss(self) -> float:
        """One minus the value of the best epoch within the budget."""
        within = self.values[: self.job.until]
        return WORST if len(within) < self.job.until else 1 - max(within)


class BudgetSearch(ABC):
    """Drives a library that asks and is told.

    A setting that comes again with a larger budget goes on where it was left; one that comes again
    with a budget that it has spent costs nothing.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._spent: dict[Hashable, Spent] = {}
        self._by_number: list[Spent] = []

    @abstractmethod
    def ask(self) -> Job | None:
        """What the library wants next; None if the space is exhausted."""

    @abstractmethod
    def tell(self, job: Job, loss: float, diverged: bool) -> None:
        """Tell the library."""

    def next(self) -> Lease | None:
        """A new setting, or one that goes on."""
        while (job := self.ask()) is not None:
            spent = self._of(job)
            if len(spent.values) < job.until:
                return Lease(spent.number, job.values, job.until)
            self.tell(job, spent.loss, diverged=False)
        return None

    def _of(self, job: Job) -> Spent:
        if job.key not in self._spent:
            self._spent[job.key] = Spent(len(self._by_number), job)
            self._by_number.append(self._spent[job.key])
        self._spent[job.key].job = job
        return self._spent[job.key]

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Note an epoch's value; no training is stopped before its budget is spent."""
        self._by_number[trial].values.append(value)
        return True

    def ended(self, trial: int) -> None:
        """Tell the library of a budget that was spent."""
        spent = self._by_number[trial]
        self.tell(spent.job, spent.loss, diverged=len(spent.values) < spent.job.until)

"""Methods that propose a setting with a budget, and get its loss once the budget is spent."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.searchers.method import Lease, Task
from trainables.recipe import Value

WORST = 1.0  # loss of a setting that diverged: an accuracy of 0


@dataclass(frozen=True)
class BudgetedSetting:
    """The request of a library.

    Attributes:
        key: the library's identifier of the setting.
        values: the setting.
        budget: budget in epochs; rounded to whole epochs.
        handle: an object that the library gets back with the loss.
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
    """The training of a setting so far.

    Attributes:
        number: number of the setting.
        values: value of each of its epochs.
        wanted: evaluations that wait for epochs; DEHB may ask for the same one twice.
        under_way: whether a worker trains it.
        diverged: whether it has no more epochs.
    """

    number: int
    values: list[float] = field(default_factory=list)
    wanted: list[BudgetedSetting] = field(default_factory=list)
    under_way: bool = False
    diverged: bool = False

    def settled(self) -> list[BudgetedSetting]:
        """The evaluations that need no more epochs; they are removed from ``wanted``."""
        done = [one for one in self.wanted if self.diverged or one.until <= len(self.values)]
        self.wanted = [one for one in self.wanted if one not in done]
        return done

    def loss(self, until: int) -> float:
        """One minus the value of the best epoch until that one."""
        return WORST if len(self.values) < until else 1 - max(self.values[:until])


class BudgetSearch(ABC):
    """Drive a library with an ask-and-tell interface.

    A setting that returns with a larger budget continues its training; one that returns with a
    budget that it has spent costs nothing.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._settings: list[Spent] = []
        self._by_key: dict[Hashable, Spent] = {}

    @abstractmethod
    def ask(self) -> BudgetedSetting | None:
        """The library's next request; None if the space is exhausted."""

    @abstractmethod
    def tell(self, done: BudgetedSetting, loss: float) -> None:
        """Pass the loss to the library."""

    def next(self) -> Lease | None:
        """A new setting, or one that continues."""
        waiting = (one for one in self._settings if one.wanted and not one.under_way)
        spent = next(waiting, None) or self._asked()
        if spent is None:
            return None
        spent.under_way = True
        return Lease(spent.number, spent.wanted[0].values, spent.wanted[0].until)

    def _asked(self) -> Spent | None:
        """The next setting for which the library needs epochs."""
        while (wanted := self.ask()) is not None:
            if wanted.key not in self._by_key:
                self._by_key[wanted.key] = Spent(len(self._settings))
                self._settings.append(self._by_key[wanted.key])
            spent = self._by_key[wanted.key]
            spent.wanted.append(wanted)
            if not spent.under_way:
                self._settle(spent)
                if spent.wanted:
                    return spent
        return None

    def _settle(self, spent: Spent) -> None:
        for done in spent.settled():
            self.tell(done, spent.loss(done.until))

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """Note an epoch's value; no training is stopped before its budget is spent."""
        self._settings[trial].values.append(value)
        return True

    def ended(self, trial: int) -> None:
        """Report a spent budget to the library."""
        spent = self._settings[trial]
        spent.under_way = False
        spent.diverged = len(spent.values) < spent.wanted[0].until
        self._settle(spent)

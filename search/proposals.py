"""Where the settings of a search's trials come from: a space, or a list."""

from dataclasses import dataclass
from typing import Any, Protocol

from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.scheduler import BaselineKeepingAsha
from search.searcher import METRIC, TruthfulOptunaSearch
from search.space import Budget, Sampler, Space
from search.task import Job, Task
from trainables.recipe import Value


class Proposals(Protocol):
    """What makes a search's trials, and what stops them."""

    def searcher(self, job: Job, budget: Budget) -> Searcher:
        """Tune's searcher, whose configurations are those of ``Task.as_config``."""

    def scheduler(self, budget: Budget) -> TrialScheduler:
        """Tune's scheduler."""


@dataclass(frozen=True)
class Explore:
    """Settings drawn from a space by Optuna, the losing ones stopped by ASHA.

    Attributes:
        space: what to search.
        fixed: values that are given instead of drawn.
    """

    space: Space
    fixed: dict[str, Value]

    def searcher(self, job: Job, budget: Budget) -> Searcher:
        """Optuna's, told the truth."""
        return TruthfulOptunaSearch(Sampler(self.space, self.fixed), job, budget.trials)

    def scheduler(self, budget: Budget) -> TrialScheduler:
        """ASHA."""
        return BaselineKeepingAsha(budget)


@dataclass(frozen=True)
class Point:
    """One setting of a list.

    Attributes:
        label: what it is called in tables and records.
        values: flat values of recipe and architecture.
        stream: which of the search's seeds it is trained with.
    """

    label: str
    values: dict[str, Value]
    stream: int


@dataclass(frozen=True)
class Planned:
    """A list of settings, each trained to the end."""

    points: tuple[Point, ...]

    def searcher(self, job: Job, budget: Budget) -> Searcher:
        """One that proposes the list in its order."""
        return PlannedSearch(
            [
                Task(job, number, point.values, point.label, point.stream)
                for number, point in enumerate(self.points)
            ]
        )

    def scheduler(self, budget: Budget) -> TrialScheduler:
        """One that stops nothing."""
        return FIFOScheduler()


class PlannedSearch(Searcher):  # type: ignore[misc]
    """Tune's searcher over a list of tasks."""

    def __init__(self, tasks: list[Task]) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._tasks, self._next = tasks, 0

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The next task's configuration, or that there is none."""
        if self._next == len(self._tasks):
            return str(Searcher.FINISHED)
        self._next += 1
        return self._tasks[self._next - 1].as_config()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing is learnt from a result."""

    def save(self, checkpoint_path: str) -> None:
        """Tune writes down in its own state which trials there are."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""

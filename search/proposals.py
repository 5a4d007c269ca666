"""Where the settings of a search's trials come from: a space, or a list."""

from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.constraints import Constraints
from search.scheduler import BaselineKeepingAsha
from search.searcher import METRIC, TruthfulOptunaSearch
from search.space import Budget, Sampler, Space
from search.task import Job, Task
from search.trial_files import History
from trainables.recipe import Value


class Proposer(Protocol):
    """Tune's searcher, whose configurations are those of ``Task.as_config``."""

    def recall(self, history: History) -> None:
        """Learn of a trial of this search that its record tells of."""


class Stopper(Protocol):
    """Tune's scheduler."""

    def recall(self, histories: list[History]) -> set[str]:
        """Learn of the trials so far; the ids of those that it stops where they stand."""


class Proposals(Protocol):
    """What makes a search's trials, and what stops them."""

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """What proposes the trials."""

    def scheduler(self, budget: Budget) -> Stopper:
        """What stops the losing ones."""

    def first(self) -> dict[str, Value]:
        """The first trial's values."""

    def described(self) -> dict[str, Any]:
        """What the settings follow from, as JSON values."""


@dataclass(frozen=True)
class Explore:
    """Settings drawn from a space by Optuna, the losing ones stopped by ASHA.

    Attributes:
        space: what to search.
        fixed: values that are given instead of drawn.
        constraints: what the winner must hold, of what can be measured here.
        warm: settings of another search, tried right after the baseline.
    """

    space: Space
    fixed: dict[str, Value]
    constraints: Constraints = field(default_factory=dict)
    warm: tuple[dict[str, Value], ...] = ()

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """Optuna's, told the truth."""
        sampler = Sampler(self.space, self.fixed, self.warm)
        return TruthfulOptunaSearch(sampler, job, budget.trials, constraints=self.constraints)

    def scheduler(self, budget: Budget) -> Stopper:
        """ASHA."""
        return BaselineKeepingAsha(budget)

    def first(self) -> dict[str, Value]:
        """The baseline."""
        return self.space.baseline_with(self.fixed)

    def described(self) -> dict[str, Any]:
        """What is searched, and what is given."""
        keys = {"baseline", "guesses", "search", "embedded"}
        space = self.space.model_dump(mode="json", include=keys)
        bounds = {name: limit.model_dump() for name, limit in self.constraints.items()}
        return {**space, "set": self.fixed, "constraints": bounds, "warm": list(self.warm)}


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

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """One that proposes the list in its order."""
        return PlannedSearch(
            [
                Task(job, number, point.values, point.label, point.stream)
                for number, point in enumerate(self.points)
            ]
        )

    def scheduler(self, budget: Budget) -> Stopper:
        """One that stops nothing."""
        return TrainToTheEnd(budget.epochs)

    def first(self) -> dict[str, Value]:
        """The first of the list."""
        return self.points[0].values

    def described(self) -> dict[str, Any]:
        """Every setting by its number."""
        return {str(number): asdict(point) for number, point in enumerate(self.points)}


class TrainToTheEnd(FIFOScheduler):  # type: ignore[misc]
    """Tune's scheduler that stops no trial before its last epoch.

    Args:
        epochs: of every trial.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def recall(self, histories: list[History]) -> set[str]:
        """The ids of the trials that are trained to the end."""
        return {each.trial_id for each in histories if each.epochs >= self._epochs}


class PlannedSearch(Searcher):  # type: ignore[misc]
    """Tune's searcher over a list of tasks."""

    def __init__(self, tasks: list[Task]) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._tasks = {task.number: task for task in tasks}

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The next task's configuration, or that there is none."""
        if not self._tasks:
            return str(Searcher.FINISHED)
        return self._tasks.pop(min(self._tasks)).as_config()

    def recall(self, history: History) -> None:
        """Leave the trial's task out."""
        self._tasks.pop(history.task.number, None)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing is learnt from a result."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search goes on from its trials' files."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""

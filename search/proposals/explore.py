"""Takes the settings of a search's trials from a space."""

from dataclasses import dataclass, field
from typing import Any

from search.proposals import samplers, schedulers
from search.proposals.protocols import Proposer, Stopper
from search.proposals.searcher import OptunaSearcher
from search.space.budget import Budget
from search.space.constraints import Constraints
from search.space.sampler import SpaceSampler
from search.space.space import Space
from search.trials.spec import Job
from trainables.recipe import Value


@dataclass(frozen=True)
class Explore:
    """Settings that the space's sampler draws, and whose losing trials its scheduler stops.

    Attributes:
        space: the space to search.
        fixed: values that are not drawn.
        constraints: the measurable bounds that the winner must hold.
        warm: settings of another search, tried right after the baseline.
    """

    space: Space
    fixed: dict[str, Value]
    constraints: Constraints = field(default_factory=dict)
    warm: tuple[dict[str, Value], ...] = ()

    def __post_init__(self) -> None:
        samplers.check(self.space.sampler)
        schedulers.check(self.space.scheduler.name, self.space.scheduler.options)

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """Optuna's search over the space."""
        points = SpaceSampler(self.space, self.fixed, self.warm)
        method, constraints = self.space.sampler, self.constraints
        return OptunaSearcher(points, job, budget.trials, constraints=constraints, method=method)

    def scheduler(self, job: Job, budget: Budget) -> Stopper:
        """The scheduler that the space names."""
        choice = self.space.scheduler
        return schedulers.create(choice.name, budget, job.seed, choice.options, job.metric)

    def params(self, budget: Budget) -> dict[str, Any]:
        """The names of sampler and scheduler, and all options of the scheduler."""
        choice = self.space.scheduler
        options = schedulers.settings(choice.name, budget, choice.options).model_dump()
        return {"sampler": self.space.sampler, "scheduler": choice.name, **options}

    def remark(self, budget: Budget) -> str:
        """A remark if no trial is stopped early because of the grace; else empty."""
        return schedulers.remark(self.space.scheduler.name, budget)

    def first(self) -> dict[str, Value]:
        """The values of the baseline."""
        return self.space.baseline_with(self.fixed)

    def described(self) -> dict[str, Any]:
        """The searched domains, the methods and the fixed values."""
        keys = {"baseline", "guesses", "search", "embedded", "sampler"}
        unused = {"embedded": {"sampler", "scheduler"}}  # the space itself holds those in use
        space = self.space.model_dump(mode="json", include=keys, exclude=unused)
        bounds = {name: limit.model_dump() for name, limit in self.constraints.items()}
        own = {"set": self.fixed, "constraints": bounds, "warm": list(self.warm)}
        return {**space, "scheduler": self._scheduler(), **own}

    def _scheduler(self) -> Any:
        """The scheduler as a space names it, with all options that are not in the budget."""
        choice, budget = self.space.scheduler, self.space.budget
        options = schedulers.settings(choice.name, budget, choice.options).model_dump()
        own = {key: value for key, value in options.items() if key not in schedulers.SHARED}
        return {choice.name: own} if own else choice.name

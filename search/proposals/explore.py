"""Where the settings of a search's trials come from: a space, or a list."""

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
    """Settings drawn from a space by its sampler, the losing ones stopped by its scheduler.

    Attributes:
        space: what to search.
        fixed: values that are not drawn.
        constraints: what the winner must hold, of what can be measured here.
        warm: settings of another search, tried right after the baseline.
    """

    space: Space
    fixed: dict[str, Value]
    constraints: Constraints = field(default_factory=dict)
    warm: tuple[dict[str, Value], ...] = ()

    def __post_init__(self) -> None:
        samplers.check(self.space.sampler)
        schedulers.check(self.space.scheduler)

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """Optuna's search over the space."""
        points = SpaceSampler(self.space, self.fixed, self.warm)
        method, constraints = self.space.sampler, self.constraints
        return OptunaSearcher(points, job, budget.trials, constraints=constraints, method=method)

    def scheduler(self, budget: Budget) -> Stopper:
        """What the space names."""
        return schedulers.create(self.space.scheduler, budget)

    def first(self) -> dict[str, Value]:
        """The baseline."""
        return self.space.baseline_with(self.fixed)

    def described(self) -> dict[str, Any]:
        """What is searched, and what is fixed."""
        keys = {"baseline", "guesses", "search", "embedded"}
        # Only where they are named, so that searches of earlier versions can be resumed.
        keys |= self.space.model_fields_set & {"sampler", "scheduler"}
        space = self.space.model_dump(mode="json", include=keys)
        bounds = {name: limit.model_dump() for name, limit in self.constraints.items()}
        return {**space, "set": self.fixed, "constraints": bounds, "warm": list(self.warm)}

"""Where the settings of a search's trials come from: a space, or a list."""

from dataclasses import dataclass, field
from typing import Any

from search.proposals.protocols import Proposer, Stopper
from search.proposals.scheduler import AshaScheduler
from search.proposals.searcher import OptunaSearcher
from search.space.budget import Budget
from search.space.constraints import Constraints
from search.space.sampler import Sampler
from search.space.space import Space
from search.trials.spec import Job
from trainables.recipe import Value


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
        return OptunaSearcher(sampler, job, budget.trials, constraints=self.constraints)

    def scheduler(self, budget: Budget) -> Stopper:
        """ASHA."""
        return AshaScheduler(budget)

    def first(self) -> dict[str, Value]:
        """The baseline."""
        return self.space.baseline_with(self.fixed)

    def described(self) -> dict[str, Any]:
        """What is searched, and what is given."""
        keys = {"baseline", "guesses", "search", "embedded"}
        space = self.space.model_dump(mode="json", include=keys)
        bounds = {name: limit.model_dump() for name, limit in self.constraints.items()}
        return {**space, "set": self.fixed, "constraints": bounds, "warm": list(self.warm)}

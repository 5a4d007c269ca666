"""What a search asks of whatever proposes and stops its trials."""

from typing import Any, Protocol

from search.space.budget import Budget
from search.trials.files import TrialHistory
from search.trials.spec import Job
from trainables.recipe import Value


class Proposer(Protocol):
    """Tune's searcher, whose configurations are those of ``TrialSpec.as_config``."""

    def recall(self, history: TrialHistory) -> None:
        """Learn of a trial of this search from its record."""


class Stopper(Protocol):
    """Tune's scheduler."""

    def recall(self, histories: list[TrialHistory]) -> set[str]:
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

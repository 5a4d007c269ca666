"""The interfaces of what proposes and stops a search's trials."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol

from ray.tune.search import Searcher

from search.space.budget import Budget
from search.trials.files import TrialHistory
from search.trials.spec import Job
from trainables.best_epoch import ACCURACY, figure_of
from trainables.recipe import Value

_DECIDE = "on_trial_result"  # the method of Tune's schedulers in which they stop a trial


class Proposer(Searcher):  # type: ignore[misc]
    """A searcher for Tune that returns configurations of ``TrialSpec.as_config``."""

    def __init__(self) -> None:
        # A metric that every report holds; the job names the one that judges trials.
        super().__init__(metric=figure_of(ACCURACY), mode="max")

    @abstractmethod
    def recall(self, history: TrialHistory) -> None:
        """Load a trial of this search from its record."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: a search resumes from its trials' files."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""


class Stopper(Protocol):
    """A scheduler for Tune."""

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Load the trials so far; the ids of those that it stops at their present epochs."""

    def milestones(self) -> Iterable[int]:
        """The epochs before the last one at which it decides or needs a trial's metrics.

        Trials report these epochs separately, and other epochs perhaps not. A scheduler without
        this method gets every epoch, and so does one that inherits it but overrides the decision.
        """


class Proposals(Protocol):
    """The source of a search's trials, with what stops them."""

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """The searcher that proposes the trials."""

    def scheduler(self, job: Job, budget: Budget) -> Stopper:
        """The scheduler that stops losing trials."""

    def params(self, budget: Budget) -> dict[str, Any]:
        """The methods that propose and stop trials, for the records."""

    def remark(self, budget: Budget) -> str:
        """A remark on early stopping, to print before the search begins; may be empty."""

    def first(self) -> dict[str, Value]:
        """The values of the first trial."""

    def described(self) -> dict[str, Any]:
        """Everything that determines the settings, as JSON values."""


def milestones(scheduler: Stopper, epochs: int) -> frozenset[int]:
    """The epochs, of trials with up to ``epochs``, that must be reported separately."""
    both = {"milestones", _DECIDE}
    first = next((kind for kind in type(scheduler).__mro__ if both & vars(kind).keys()), object)
    own = scheduler.milestones() if "milestones" in vars(first) else range(1, epochs)
    return frozenset(own) | {epochs}

"""What a search asks of whatever proposes and stops its trials."""

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
    """A searcher of Tune's, whose configurations are those of ``TrialSpec.as_config``."""

    def __init__(self) -> None:
        # One that every report holds; what is judged by is the job's.
        super().__init__(metric=figure_of(ACCURACY), mode="max")

    @abstractmethod
    def recall(self, history: TrialHistory) -> None:
        """Learn of a trial of this search from its record."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search resumes from its trials' files."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""


class Stopper(Protocol):
    """Tune's scheduler."""

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """Learn of the trials so far; the ids of those that it stops where they stand."""

    def milestones(self) -> Iterable[int]:
        """The epochs before the last at which it decides, or needs the figures of any trial.

        Trials report these by themselves, others perhaps not. One that lacks this method hears of
        every epoch, and so does one that inherits it but decides in a method of its own.
        """


class Proposals(Protocol):
    """What makes a search's trials, and what stops them."""

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """What proposes the trials."""

    def scheduler(self, job: Job, budget: Budget) -> Stopper:
        """What stops the losing ones."""

    def params(self, budget: Budget) -> dict[str, Any]:
        """How they are drawn and stopped, for the records."""

    def remark(self, budget: Budget) -> str:
        """What is to be said of the stopping before the search begins; empty if nothing."""

    def first(self) -> dict[str, Value]:
        """The first trial's values."""

    def described(self) -> dict[str, Any]:
        """What the settings follow from, as JSON values."""


def milestones(scheduler: Stopper, epochs: int) -> frozenset[int]:
    """The epochs of trials of up to ``epochs`` that must be reported by themselves."""
    both = {"milestones", _DECIDE}
    first = next((kind for kind in type(scheduler).__mro__ if both & vars(kind).keys()), object)
    own = scheduler.milestones() if "milestones" in vars(first) else range(1, epochs)
    return frozenset(own) | {epochs}

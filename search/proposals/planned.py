"""Takes the settings of a search's trials from a list; each is trained to its end."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ray.tune.search import Searcher

from search.proposals.protocols import Proposer, Stopper
from search.proposals.schedulers.none import TrainToTheEnd
from search.space.budget import Budget
from search.trials.files import TrialHistory
from search.trials.spec import Job, Point, TrialSpec
from trainables.recipe import Value


@dataclass(frozen=True)
class Planned:
    """A list of settings, each trained to the end."""

    points: tuple[Point, ...]

    def searcher(self, job: Job, budget: Budget) -> Proposer:
        """A searcher that proposes the list in its order."""
        return PlannedSearch(
            TrialSpec(job, number, point.values, point.label, point.stream)
            for number, point in enumerate(self.points)
        )

    def scheduler(self, job: Job, budget: Budget) -> Stopper:
        """A scheduler that stops no trial."""
        return TrainToTheEnd(budget.epochs)

    def params(self, budget: Budget) -> dict[str, Any]:
        """An empty dict: everything that determines a list is recorded with it."""
        return {}

    def remark(self, budget: Budget) -> str:
        """An empty text: nobody expects that a trial is stopped early."""
        return ""

    def first(self) -> dict[str, Value]:
        """The values of the first setting."""
        return self.points[0].values

    def described(self) -> dict[str, Any]:
        """Every setting by its number."""
        return {str(number): asdict(point) for number, point in enumerate(self.points)}


class PlannedSearch(Proposer):
    """Tune's searcher over a list of trials."""

    def __init__(self, specs: Iterable[TrialSpec]) -> None:
        super().__init__()
        self._specs = {spec.number: spec for spec in specs}

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The configuration of the next trial; Tune's FINISHED after the last."""
        if not self._specs:
            return str(Searcher.FINISHED)
        return self._specs.pop(min(self._specs)).as_config()

    def recall(self, history: TrialHistory) -> None:
        """Skip a trial that has begun."""
        self._specs.pop(history.record.number, None)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: a list learns nothing from results."""

"""No early stopping: every trial is trained to its last epoch."""

from ray.tune.schedulers import FIFOScheduler

from search.space.budget import Budget, Strict
from search.trials.files import TrialHistory


class NoOptions(Strict):
    """The options of this scheduler: it has none."""


OPTIONS = NoOptions


class TrainToTheEnd(FIFOScheduler):  # type: ignore[misc]
    """Tune's scheduler that stops no trial before its last epoch.

    Args:
        epochs: number of epochs of every trial.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def milestones(self) -> tuple[int, ...]:
        """No epochs."""
        return ()

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        """The ids of the trials that are trained to the end."""
        records = (history.record for history in histories)
        return {record.trial_id for record in records if record.epochs >= self._epochs}


def create(budget: Budget, seed: int, options: NoOptions, metric: str) -> TrainToTheEnd:
    """The scheduler of a search."""
    return TrainToTheEnd(budget.epochs)

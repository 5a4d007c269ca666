"""The finals of a search: its best settings, trained again from scratch with fresh seeds."""

from collections.abc import Iterator
from typing import Any

from ray.tune.search import Searcher

from search.proposals.protocols import Proposer
from search.selection.choice import repeated
from search.selection.rule import Rule
from search.space.budget import Budget
from search.trials.board import TrialBoard
from search.trials.files import History
from search.trials.record import METRIC
from search.trials.spec import Job, Task


class WithFinals(Searcher):  # type: ignore[misc]
    """Tune's searcher that, once all trials of another one have ended, proposes the finals.

    It waits for the last of them: which settings are the best is not known before. What is learnt
    in the finals, the other searcher is not told.

    Args:
        searcher: proposes the search's own trials.
        board: knows how they ended; is told before this.
        rule: which of them are the best.
        job: what all trials share.
        budget: how many trials, finalists and seeds.
    """

    def __init__(
        self, searcher: Proposer, board: TrialBoard, rule: Rule, job: Job, budget: Budget
    ) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._searcher: Any = searcher
        self._board, self._rule, self._job, self._budget = board, rule, job, budget
        self._asked = 0
        self._begun: set[int] = set()  # numbers of the finals' trials
        self._trials: set[str] = set()  # the search's own, by Tune's name

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its searcher, and a board has a lock.
        return _without_board, (self._searcher, self._rule, self._job, self._budget)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's configuration; None if it is not known yet, or that there is none."""
        if self._asked < self._budget.trials:
            self._asked += 1
            self._trials.add(trial_id)
            found: dict[str, Any] = self._searcher.suggest(trial_id)
            return found
        if self._board.finished < self._budget.trials:
            return None
        for task in finals(self._board, self._rule, self._job, self._budget):
            if task.number not in self._begun:
                self._begun.add(task.number)
                return task.as_config()
        return str(Searcher.FINISHED)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass an epoch of the search's own trials on."""
        if trial_id in self._trials:
            self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass the end of one of the search's own trials on."""
        if trial_id in self._trials:
            self._searcher.on_trial_complete(trial_id, result, error)

    def recall(self, history: History) -> None:
        """Learn of a trial of this search that its record tells of."""
        if history.task.repeats is None:
            self._asked += 1
            self._trials.add(history.trial_id)
            self._searcher.recall(history)
        else:
            self._begun.add(history.task.number)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search goes on from its trials' files."""

    def restore(self, checkpoint_path: str) -> None:
        """See ``save``."""


def _without_board(searcher: Proposer, rule: Rule, job: Job, budget: Budget) -> WithFinals:
    board = TrialBoard(budget.trials, budget.epochs, 1)
    return WithFinals(searcher, board, rule, job, budget)


def finals(board: TrialBoard, rule: Rule, job: Job, budget: Budget) -> Iterator[Task]:
    """The tasks of the finals, a seed of all finalists after the other.

    Their numbers and seeds follow on the trials': no trial was trained with one of them. All
    finalists have the same seeds, so that none is drawn a better one.
    """
    chosen = repeated(board, rule, budget.finalists)
    for seed in range(budget.finalist_seeds):
        for place, record in enumerate(chosen):
            number = budget.trials + seed * len(chosen) + place
            label = f"finalist-{place + 1}-seed-{seed + 1}"
            stream = budget.trials + seed
            yield Task(job, number, record.values, label, stream, record.number)

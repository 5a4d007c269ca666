"""The finals of a search: its best settings, trained again from scratch with fresh seeds."""

from collections.abc import Iterator
from typing import Any

from ray.tune.search import Searcher

from search.proposals.planned import PlannedSearch
from search.proposals.protocols import Proposer
from search.selection.race import race_of
from search.selection.rule import Rule
from search.trials.files import TrialHistory
from search.trials.search_board import SearchBoard
from search.trials.spec import Job, TrialSpec


def finals(board: SearchBoard, rule: Rule, job: Job) -> Iterator[TrialSpec]:
    """The finals of a search whose trials have ended, a seed of all finalists after the other.

    Their numbers and seeds follow on the trials': no trial was trained with one of them. All
    finalists have the same seeds, so that none is drawn a better one.
    """
    contenders, trials = race_of(board, rule).contenders, board.trials.requested
    for seed in range(board.seeds):
        for place, record in enumerate(contenders):
            number = trials + seed * len(contenders) + place
            label = f"finalist-{place + 1}-seed-{seed + 1}"
            yield TrialSpec(job, number, record.values, label, trials + seed, record.number)


class FinalsSearch(Proposer):
    """Tune's searcher over the finals: a finalist that cannot reach the leader is left out.

    Which are left out is decided anew for each proposal, by what is recorded: one returns if the
    leader falls back.

    Args:
        board: how trials and finals stand.
        rule: what decides between them.
        job: what all trials share.
    """

    def __init__(self, board: SearchBoard, rule: Rule, job: Job) -> None:
        super().__init__()
        self._board, self._rule = board, rule
        begun = {(run.spec.repeats, run.spec.stream) for run in board.finals.records}
        specs = finals(board, rule, job)
        self._left = [spec for spec in specs if (spec.repeats, spec.stream) not in begun]
        self._under_way: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its searcher, the board's lock cannot be, and nothing reads the copy.
        return PlannedSearch, ((),)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next final; Tune's FINISHED after the last, None while it may depend on others."""
        out = race_of(self._board, self._rule).out
        chosen = next((spec for spec in self._left if spec.repeats not in out), None)
        if chosen is None:
            return None if self._left and self._is_under_way() else str(Searcher.FINISHED)
        self._left.remove(chosen)
        self._under_way.add(trial_id)
        return chosen.as_config()

    def _is_under_way(self) -> bool:
        """True if a training may still change who is out."""
        records = self._board.finals.records
        return bool(self._under_way) or not all(run.status.is_final for run in records)

    def recall(self, history: TrialHistory) -> None:
        """Nothing: the board knows what has begun."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A training ended."""
        self._under_way.discard(trial_id)

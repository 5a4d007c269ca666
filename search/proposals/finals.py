"""The finals of a search: its best settings, trained again from scratch with fresh seeds."""

from collections.abc import Collection, Iterable, Iterator
from itertools import count, islice
from typing import Any

from ray.tune.search import Searcher

from search.proposals.planned import PlannedSearch
from search.proposals.protocols import Proposer
from search.selection.race import Race, race_of
from search.selection.rule import Rule
from search.trials.files import TrialHistory
from search.trials.record import TrialRecord
from search.trials.search_board import SearchBoard
from search.trials.spec import Job, TrialSpec


def finals(board: SearchBoard, rule: Rule, job: Job) -> Iterator[TrialSpec]:
    """The remaining finals of a search whose trials have ended, seed by seed for all finalists.

    Their numbers and seeds follow those of the trials, none of which was trained with them. All
    finalists have the same seeds, so that none gets a luckier one: first those of trainings that
    have begun, even of a setting that was a finalist before the search got more trials.
    """
    runs, race = board.finals.records, race_of(board, rule)
    trials = {trial.number for trial in board.trials.records}
    numbers = _free(board.trials.requested, trials | {run.number for run in runs})
    streams = sorted({run.spec.stream for run in runs if run.spec.stream is not None})
    streams += islice(_free(board.trials.requested, trials | set(streams)), board.seeds)
    places = _places(race, runs)
    for seed, stream in enumerate(streams[: board.seeds], 1):
        for place, record in zip(places, race.contenders, strict=True):
            begun = {run.spec.stream for run in race.trainings.get(record.number, ())}
            if stream not in begun:
                label = f"finalist-{place}-seed-{seed}"
                number = next(numbers)
                yield TrialSpec(job, number, record.values, label, stream, record.number)


def _free(first: int, taken: Collection[int]) -> Iterator[int]:
    """The numbers from ``first`` on that are not ``taken``."""
    return (number for number in count(first) if number not in taken)


def _places(race: Race, runs: Iterable[TrialRecord]) -> list[int]:
    """The number in each contender's label: its position, or the one with which it began."""
    free = _free(1, set(map(_place, runs)))
    begun = [race.trainings.get(each.number) for each in race.contenders]
    return [_place(trainings[0]) if trainings else next(free) for trainings in begun]


def _place(run: TrialRecord) -> int:
    return int(run.label.split("-")[1])


class FinalsSearch(Proposer):
    """Tune's searcher over the finals: it skips a finalist that cannot reach the leader.

    Each proposal decides this again from the records, so that a finalist returns if the leader
    falls back.

    Args:
        board: the state of trials and finals.
        rule: the rule that orders them.
        job: the values that all trials share.
    """

    def __init__(self, board: SearchBoard, rule: Rule, job: Job) -> None:
        super().__init__()
        self._board, self._rule = board, rule
        self._left = list(finals(board, rule, job))
        self._under_way: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its searcher. The board's lock cannot be pickled, and nothing reads the copy.
        return PlannedSearch, ((),)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next final; Tune's FINISHED after the last, None while running ones may decide."""
        race = race_of(self._board, self._rule)
        chosen = next((spec for spec in self._left if spec.repeats not in race.out), None)
        if chosen is None:
            waits = self._left and (self._under_way or race.ended < len(race.runs))
            return None if waits else str(Searcher.FINISHED)  # running finals may change the race
        self._left.remove(chosen)
        self._under_way.add(trial_id)
        return chosen.as_config()

    def recall(self, history: TrialHistory) -> None:
        """Do nothing: the board knows the finals that have begun."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A training ended."""
        self._under_way.discard(trial_id)

"""Which checkpoints stay on disk."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback, Checkpoint
from ray.tune.experiment import Trial

from search.selection.choice import KEPT, worth_keeping
from search.selection.rule import Rule
from search.trials.checkpoints import checkpoints
from search.trials.files import folder_name
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard


class KeepBest(Callback):  # type: ignore[misc]
    """Tune's callback: keeps a running trial's latest two checkpoints, and one of a few others.

    The latest holds the best epoch's weights too; the one before is there in case the latest is
    damaged. Once trials have ended, the best of them, the baseline and the finalists keep one: what
    is on disk does not grow with the trials. Tune's own ``num_to_keep`` knows one trial alone, and
    writes the state of the whole search each time that it deletes.

    Args:
        search: the search's folder.
        board: knows how the trials ended; is told before this.
        rule: which of them are the best.
    """

    def __init__(self, search: Path, board: SearchBoard, rule: Rule) -> None:
        self._search, self._board, self._rule = search, board, rule
        self._best: list[TrialRecord] = []
        for record in board.records:
            self.ended(record)

    def __reduce__(self) -> tuple[Any, ...]:
        return _without_board, (
            self._search,
            self._rule,
        )  # Tune pickles its callbacks, and a board has a lock

    def on_checkpoint(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        checkpoint: Checkpoint,
        **_: Any,
    ) -> None:
        """A trial has written a checkpoint."""
        latest = Path(checkpoint.path)
        before = [each for each in checkpoints(latest.parent) if each.name < latest.name]
        _remove(before[1:])

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial has ended."""
        self.ended(self._board.record(trial.trial_id))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial has failed."""
        self.ended(self._board.record(trial.trial_id))

    def ended(self, record: TrialRecord) -> None:
        """Keep the checkpoints that are wanted now that a trial has ended."""
        if not record.status.is_final:
            return
        folder = self._folder(record)
        _remove(checkpoints(folder)[1:])
        if record.status is Status.FAILED:
            _remove(checkpoints(folder))
        elif not record.spec.is_baseline and record.spec.repeats is None:
            among = [*self._best, record]
            self._best = worth_keeping(among, self._rule, KEPT)
            for loser in among:
                if loser not in self._best:
                    _remove(checkpoints(self._folder(loser)))

    def _folder(self, record: TrialRecord) -> Path:
        return self._search / folder_name(record.number, record.trial_id)


def _without_board(search: Path, rule: Rule) -> KeepBest:
    return KeepBest(search, SearchBoard(0, 1, 1), rule)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # what stays takes room and does no harm
            shutil.rmtree(folder)

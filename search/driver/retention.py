"""Decides which checkpoints stay on disk."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback, Checkpoint
from ray.tune.experiment import Trial

from search.selection.choice import SAVED_TRIALS, worth_keeping
from search.selection.rule import Rule
from search.trials.checkpoints import checkpoints, latest_whole
from search.trials.files import trial_folder
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard


class KeepBest(Callback):  # type: ignore[misc]
    """Tune's callback: keeps a running trial's latest two checkpoints, and one of a few others.

    The latest checkpoint also holds the best epoch's weights; the one before is used if the latest
    is damaged. Of the trials that have ended, only the best ones, the baseline and the finalists
    keep a checkpoint, so that disk use does not grow with the trials. Tune's ``num_to_keep``
    considers one trial alone, and writes the state of the whole search at each deletion.

    Args:
        search: the search's folder.
        board: the state of the trials, updated before this is called.
        rule: the rule that orders the trials.
    """

    def __init__(self, search: Path, board: SearchBoard, rule: Rule) -> None:
        self._search, self._board, self._rule = search, board, rule
        self._best: list[TrialRecord] = []
        for record in board.records:
            self.ended(record)

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its callbacks, threads and locks cannot be pickled, nothing reads the copy.
        return Callback, ()

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
        older = [path for path in checkpoints(latest.parent) if path.name < latest.name]
        _remove(older[1:])

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Another worker takes over a trial.

        The former worker may still be alive on a node that was cut off, and write one more
        checkpoint. The next number is left to it, so that it overwrites nothing.
        """
        trial.storage.current_checkpoint_index += 1

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial has ended, or failed."""
        self.ended(self._board.record(trial.trial_id))

    on_trial_error = on_trial_complete

    def ended(self, record: TrialRecord) -> None:
        """Remove the checkpoints that are no longer needed once a trial has ended."""
        if not record.status.is_final:
            return
        needed = None if record.status is Status.FAILED else self._latest(record)
        _remove(set(checkpoints(trial_folder(self._search, record))) - {needed})
        if record.status is Status.FAILED:
            return
        if not record.spec.is_baseline and record.spec.repeats is None:
            candidates = [*self._best, record]
            self._best = worth_keeping(candidates, self._rule, SAVED_TRIALS)
            for loser in candidates:
                if loser not in self._best:
                    _remove(checkpoints(trial_folder(self._search, loser)))

    def _latest(self, record: TrialRecord) -> Path | None:
        """The checkpoint of a trial's last epoch; a damaged one if none is whole.

        A stopped trial may have begun to write another one, for an epoch that it never reported.
        """
        folder = trial_folder(self._search, record)
        if not record.epochs:
            return None
        return latest_whole(folder, record.epochs) or next(iter(checkpoints(folder)), None)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # a checkpoint that stays takes space but does no harm
            shutil.rmtree(folder)

"""Which checkpoints of a trial stay on disk."""

from collections import deque
from typing import Any

from ray.tune import Callback, Checkpoint
from ray.tune.experiment import Trial


class KeepLatest(Callback):  # type: ignore[misc]
    """Tune's callback: keeps a running trial's latest two checkpoints, and one once it has ended.

    The latest holds the best epoch's weights too; the one before is there in case the latest is
    damaged. Tune's own ``num_to_keep`` writes the state of the whole search, every trial of it,
    each time that one checkpoint is deleted: its cost grows with the trials.
    """

    def __init__(self) -> None:
        self._kept: dict[str, deque[Checkpoint]] = {}

    def on_checkpoint(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        checkpoint: Checkpoint,
        **_: Any,
    ) -> None:
        """A trial has written a checkpoint."""
        kept = self._kept.setdefault(trial.trial_id, deque())
        kept.append(checkpoint)
        _shorten(kept, 2)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial has ended as it should."""
        _shorten(self._kept.pop(trial.trial_id, deque()), 1)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial has failed."""
        self._kept.pop(trial.trial_id, None)


def _shorten(kept: "deque[Checkpoint]", count: int) -> None:
    while len(kept) > count:
        old = kept.popleft()
        old.filesystem.delete_dir(old.path)

"""Which checkpoints of a trial stay on disk."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray.tune import Callback, Checkpoint
from ray.tune.experiment import Trial

from search.state_file import checkpoints


class KeepLatest(Callback):  # type: ignore[misc]
    """Tune's callback: keeps a running trial's latest two checkpoints, and one once it has ended.

    The latest holds the best epoch's weights too; the one before is there in case the latest is
    damaged. Tune's own ``num_to_keep`` writes the state of the whole search, every trial of it,
    each time that one checkpoint is deleted: its cost grows with the trials.
    """

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
        _remove(each for each in _others(latest)[1:])

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial has ended as it should."""
        if trial.checkpoint is not None:
            _remove(_others(Path(trial.checkpoint.path)))


def _others(latest: Path) -> list[Path]:
    """The checkpoints before ``latest``, the latest of them first."""
    return [each for each in checkpoints(latest.parent) if each.name < latest.name]


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # what stays takes room and does no harm
            shutil.rmtree(folder)

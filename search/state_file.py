"""What a trial hands to Tune after an epoch: its figures, and a file with its state."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from ray import tune

STATE_FILE = "state.pt"


def report(metrics: dict[str, float], write: Callable[[Path], object]) -> None:
    """Report ``metrics`` with a checkpoint whose one file is made by ``write``.

    Raises:
        SystemExit: Tune has stopped the trial.
    """
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / STATE_FILE)
        tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

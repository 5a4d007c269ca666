"""A trial's reports to Tune: the metrics of its epochs, and its state with a checksum."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainables.boundary.atomic import atomic_file
from trainables.metrics import Metric

STATE_FILE, CHECKSUM_FILE = "state.pt", "seal.json"
HELD_UP = Metric(
    "report_seconds", "seconds by which the report of the previous epoch delayed the trial"
)
EARLIER = "convoy_earlier"  # key of a report: metrics of the epochs since the last report, in order


def epochs_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The epochs of a report in order, each with the keys that Tune added to the report."""
    last = {key: value for key, value in result.items() if key != EARLIER}
    return [*({**last, **epoch} for epoch in result.get(EARLIER, ())), last]


def report(metrics: dict[str, Any], write: Callable[[Path], object] | None) -> None:
    """Report ``metrics`` with a checkpoint, whose state ``write`` writes.

    Without ``write`` there is no checkpoint.

    Raises:
        SystemExit: Tune has stopped the trial.
    """
    from ray import tune  # imported late: a reader of records need not wait for Ray

    if write is None:
        tune.report(metrics)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / STATE_FILE)
        write_checksum(Path(folder), int(metrics["epoch"]))
        tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


def write_checksum(folder: Path, epoch: int) -> None:
    """Write the checksum of the state in ``folder``, which belongs to ``epoch``."""
    with atomic_file(folder / CHECKSUM_FILE) as file:
        file.write(json.dumps({"epoch": epoch, "sha256": _digest(folder / STATE_FILE)}).encode())


def intact_epoch(folder: Path) -> int | None:
    """The epoch whose state ``folder`` holds; None if the state is damaged or incomplete."""
    try:
        seal = json.loads((folder / CHECKSUM_FILE).read_text())
        whole = seal["sha256"] == _digest(folder / STATE_FILE)
        return int(seal["epoch"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checkpoints(trial: Path) -> list[Path]:
    """The folders of a trial's checkpoints, the latest first."""
    return sorted(trial.glob("checkpoint_*"), reverse=True)


def number_of(checkpoint: Path) -> int:
    """The number of a checkpoint, by its folder's name."""
    return int(checkpoint.name.rpartition("_")[2])


def latest_whole(trial: Path, max_epoch: int) -> Path | None:
    """A trial's latest undamaged checkpoint of an epoch up to ``max_epoch``; None without one."""
    for folder in checkpoints(trial):
        epoch = intact_epoch(folder)
        if epoch is not None and epoch <= max_epoch:
            return folder
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

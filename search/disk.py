"""Room on the disk, looked at before a search begins."""

import shutil
import tempfile
from pathlib import Path

from search.request import Request
from search.resources import Resources
from search.retention import KEPT
from trainables.boundary.errors import UsageError
from trainables.recipe import Setting
from trainables.training import network

COPIES = 4  # of the weights in a checkpoint: the latest, the best epoch's, two moments of Adam
FLOAT = 4  # bytes
RECORDS = 20 * 2**20  # bytes of MLflow's store and of all that is not a trial's
EPOCH = 4 * 2**10  # bytes of an epoch's records, here and in MLflow


def check_room(request: Request, resources: Resources) -> None:
    """Raise UsageError unless the disk is likely to hold what the search will write."""
    checkpoint = _checkpoint(request)
    budget = request.budget
    kept, running = KEPT + 2 + budget.finals, 2 * resources.concurrency
    epochs = (budget.trials + budget.finals) * budget.epochs
    out = RECORDS + EPOCH * epochs + checkpoint * (2 * kept + running)
    _check(request.out, "--out", out)
    _check(Path(tempfile.gettempdir()), "$TMPDIR", RECORDS + checkpoint * resources.concurrency)


def _checkpoint(request: Request) -> int:
    """Bytes of a checkpoint of the first setting."""
    values = request.proposals.first()
    made = network(Setting.of(request.architecture, values, 1, 0), request.dataset)
    return COPIES * FLOAT * sum(parameter.numel() for parameter in made.parameters())


def _check(folder: Path, flag: str, needed: int) -> None:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise UsageError(
            f"{flag} {folder}: {free / 1e6:.0f} MB are free, the search may need "
            f"{needed / 1e6:.0f} MB; make room, or choose another folder"
        )

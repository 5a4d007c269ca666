"""Trials that are made up: what they were asked to train, and what became of them."""

from dataclasses import replace

from search.trials.board import TrialBoard
from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables.data import DataSpec

JOB = Job("gap5", DataSpec("composite"), "embedded", None, None, 4, 0, 1)


def spec(number: int, values: dict | None = None, **more) -> TrialSpec:
    """What trial ``number`` was asked to train; 0 is the baseline."""
    label = "" if number else BASELINE
    return TrialSpec(JOB, number, values or {}, **{"label": label, **more})


def play(
    board: TrialBoard, asked: TrialSpec, accuracies: list[float], end: str = "ended", **figures
) -> TrialRecord:
    """Have a trial report ``accuracies``, and then be ``ended``, ``failed`` or ``running``."""
    name = f"t{asked.number}"
    board.started(name, asked)
    for epoch, accuracy in enumerate(accuracies, start=1):
        board.reported(name, epoch, {"val_accuracy": accuracy, **figures})
    if end == "running":
        return board.record(name)
    return board.ended(name) if end == "ended" else board.failed(name, "it broke")


def history(
    asked: TrialSpec, accuracies: list[float], status: str = "completed", start: float = 0.0
) -> TrialHistory:
    """A trial as its files hold it: an epoch a second from ``start`` on."""
    steps = [TrialRecord(asked, str(asked.number), started=start, at=start)]
    for epoch, accuracy in enumerate(accuracies, start=1):
        steps.append(steps[-1].after(epoch, {"val_accuracy": accuracy}, start + epoch))
    return TrialHistory(replace(steps[-1], status=Status(status)), tuple(steps[1:]))

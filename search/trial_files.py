"""What is on disk of every trial: the record from which a search goes on, and MLflow is rebuilt.

A trial's folder holds, beside Tune's checkpoints, ``params.json`` (its task), ``result.json`` (a
line an epoch, as Tune hands it on) and ``status.json`` (how it stands); ``error.txt`` too if it
failed. They are written where they stay, at once: what Tune keeps itself it gathers elsewhere and
copies every ten seconds or more.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ray.tune.utils.util import SafeFallbackEncoder

from search.scoreboard import Status, TrialRecord
from search.state_file import HELD_UP
from search.task import Task
from trainables import training
from trainables.boundary.atomic import atomic_file

PARAMS, RESULTS, STATUS, ERROR = "params.json", "result.json", "status.json", "error.txt"
# What a trial reports, by name, with its meaning; Tune adds some twenty keys of its own.
METRICS = {metric.name: metric.meaning for metric in (*training.METRICS, HELD_UP)}


def folder_name(number: int, trial_id: str) -> str:
    """Name of a trial's folder."""
    return f"trial-{number:04d}-{trial_id}"


def metrics_of(result: dict[str, Any]) -> dict[str, float]:
    """The figures that a trial reported, from what Tune made of them."""
    return {name: float(result[name]) for name in METRICS if name in result}


class TrialFiles:
    """Writes the files of a search's trials, each event before anyone else is told of it.

    Args:
        search: the search's folder.
    """

    def __init__(self, search: Path) -> None:
        self.search = search

    def started(self, record: TrialRecord, config: dict[str, Any]) -> None:
        """A trial began, or goes on."""
        folder = self._folder(record)
        folder.mkdir(exist_ok=True)
        if not (folder / PARAMS).exists():
            _write(folder / PARAMS, config)
        self.ended(record)

    def reported(self, record: TrialRecord, result: dict[str, Any]) -> None:
        """A trial finished an epoch."""
        line = json.dumps({**result, "recorded": record.at}, cls=SafeFallbackEncoder)
        with (self._folder(record) / RESULTS).open("a") as file:
            file.write(line + "\n")

    def traced(self, record: TrialRecord, trace: str) -> None:
        """Where a trial failed."""
        (self._folder(record) / ERROR).write_text(trace)

    def ended(self, record: TrialRecord) -> None:
        """How a trial stands has changed."""
        about = {"trial_id": record.trial_id, "status": record.status, "error": record.error}
        times = {"started": record.started, "changed": record.at}
        _write(self._folder(record) / STATUS, {**about, **times})

    def _folder(self, record: TrialRecord) -> Path:
        return self.search / folder_name(record.number, record.trial_id)


@dataclass(frozen=True)
class History:
    """A trial as its files tell it.

    Attributes:
        folder: where they are.
        task: what is trained.
        records: how it stood when it began and after each epoch, from 1 on without a gap.
        status: how it stands; ``running`` too if its driver died.
        error: why it failed, in a line.
        changed: time of its last change, seconds since 1970.
    """

    folder: Path
    task: Task
    records: tuple[TrialRecord, ...]
    status: Status
    error: str
    changed: float

    @property
    def trial_id(self) -> str:
        """Ray Tune's."""
        return self.records[0].trial_id

    @property
    def record(self) -> TrialRecord:
        """How it stands."""
        last = self.records[-1]
        at = max(self.changed, last.at)
        return replace(last, status=self.status, error=self.error, at=at)

    @property
    def epochs(self) -> int:
        """Epochs that are recorded."""
        return self.records[-1].epochs

    @property
    def over(self) -> bool:
        """True if nothing is left to train."""
        return self.status in ("completed", "pruned", "failed")

    def closed(self) -> "History":
        """It, once its driver is known to be dead."""
        return replace(self, status="interrupted") if self.status == "running" else self


def read_histories(search: Path) -> list[History]:
    """The trials in a search's folder by their numbers.

    A folder whose trial had not begun when the driver died is passed over.
    """
    found = [read_history(folder) for folder in sorted(search.glob("trial-*-*"))]
    return sorted((each for each in found if each), key=lambda each: each.task.number)


def read_history(folder: Path) -> History | None:
    """The trial in ``folder``; None if it had not begun."""
    try:
        task = Task.from_config(json.loads((folder / PARAMS).read_text()))
        about = json.loads((folder / STATUS).read_text())
    except FileNotFoundError:
        return None
    label = task.label or str(task.number)
    first = TrialRecord(
        about["trial_id"],
        task.number,
        task.values,
        label,
        task.stream,
        task.repeats,
        started=about["started"],
        at=about["started"],
    )
    records = [first]
    for result in _results(folder / RESULTS):
        if result["epoch"] == records[-1].epochs + 1:
            after = records[-1].after(result["epoch"], metrics_of(result), result["recorded"])
            records.append(after)
    return History(folder, task, tuple(records), about["status"], about["error"], about["changed"])


def _results(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of results; one that was not written to its end is left out."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def mend(history: History) -> None:
    """Make ``result.json`` hold its whole lines alone, each epoch once, so that more can follow."""
    path, kept = history.folder / RESULTS, dict[int, str]()
    if not path.exists():
        return
    for result in _results(path):
        if 1 <= result["epoch"] <= history.epochs:
            kept.setdefault(result["epoch"], json.dumps(result))
    with atomic_file(path) as file:
        file.write("".join(f"{line}\n" for line in kept.values()).encode())


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_file(path) as file:
        file.write(json.dumps(content, indent=2, cls=SafeFallbackEncoder).encode())

"""What is on disk of every trial: the record from which a search resumes, and MLflow is rebuilt.

A trial's folder holds, besides Tune's checkpoints, ``params.json`` (its task), ``result.json`` (a
line an epoch, as Tune hands it on) and ``status.json`` (how it stands); ``error.txt`` too if it
failed. They are written where they stay, at once: what Tune keeps itself it gathers elsewhere and
copies every ten seconds or more.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search.trials.checkpoints import HELD_UP
from search.trials.record import Status, TrialRecord
from search.trials.spec import TrialSpec
from trainables import training
from trainables.boundary.atomic import atomic_file

PARAMS, RESULTS, STATUS, ERROR = "params.json", "result.json", "status.json", "error.txt"
# What a trial reports, by name, with its meaning; Tune adds some twenty keys of its own.
METRICS = {metric.name: metric.meaning for metric in (*training.METRICS, HELD_UP)}


def folder_name(number: int, trial_id: str) -> str:
    """Name of a trial's folder."""
    return f"trial-{number:04d}-{trial_id}"


def trial_folder(search: Path, record: TrialRecord) -> Path:
    """A trial's folder in its search's folder."""
    return search / folder_name(record.number, record.trial_id)


def metrics_of(result: dict[str, Any]) -> dict[str, float]:
    """The figures that a trial reported, from what Tune made of them."""
    return {name: float(result[name]) for name in METRICS if name in result}


class TrialFiles:
    """Writes the files of a search's trials, each event before any listener hears of it.

    Args:
        search: the search's folder.
    """

    def __init__(self, search: Path) -> None:
        self.search = search

    def started(self, record: TrialRecord) -> None:
        """A trial began, or resumes."""
        folder = trial_folder(self.search, record)
        folder.mkdir(exist_ok=True)
        if not (folder / PARAMS).exists():
            _write(folder / PARAMS, record.spec.as_config())
        self.changed(record)

    def reported(self, record: TrialRecord, result: dict[str, Any]) -> None:
        """A trial finished an epoch."""
        line = _json({**result, "recorded": record.at})
        with (trial_folder(self.search, record) / RESULTS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def traced(self, record: TrialRecord, trace: str) -> None:
        """Where a trial failed."""
        (trial_folder(self.search, record) / ERROR).write_text(trace, encoding="utf-8")

    def changed(self, record: TrialRecord) -> None:
        """The status of a trial has changed."""
        about = {"trial_id": record.trial_id, "status": record.status, "error": record.error}
        times = {"started": record.started, "changed": record.at}
        _write(trial_folder(self.search, record) / STATUS, {**about, **times})


@dataclass(frozen=True)
class TrialHistory:
    """A trial with each of its epochs, as its files hold it.

    Attributes:
        record: how it stands; its status is ``running`` too if its driver died.
        steps: the record after each epoch, from 1 on without a gap.
        size: bytes of ``result.json`` that were read.
    """

    record: TrialRecord
    steps: tuple[TrialRecord, ...] = ()
    size: int = 0

    def closed(self) -> "TrialHistory":
        """The history, once its driver is known to be dead."""
        if self.record.status is not Status.RUNNING:
            return self
        return replace(self, record=replace(self.record, status=Status.INTERRUPTED))


def read_histories(search: Path) -> list[TrialHistory]:
    """The trials in a search's folder by their numbers.

    A folder whose trial had not begun when the driver died is left out.
    """
    histories = [read_history(folder) for folder in sorted(search.glob("trial-*-*"))]
    return sorted(
        (history for history in histories if history), key=lambda history: history.record.number
    )


def read_history(folder: Path, earlier: TrialHistory | None = None) -> TrialHistory | None:
    """The trial in ``folder``; None if it had not begun.

    Args:
        folder: the trial's.
        earlier: what was read of it before; then ``steps`` are the epochs since.
    """
    try:
        first = earlier.record if earlier else _begun(folder)
        about = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    last, steps = first, []
    results, size = _results(folder / RESULTS, earlier.size if earlier else 0)
    for result in results:
        if result["epoch"] == last.epochs + 1:
            last = last.after(result["epoch"], metrics_of(result), result["recorded"])
            steps.append(last)
    status, at = Status(about["status"]), max(about["changed"], last.at)
    record = replace(last, status=status, error=about["error"], at=at)
    return TrialHistory(record, tuple(steps), size)


def _begun(folder: Path) -> TrialRecord:
    spec = TrialSpec.from_config(json.loads((folder / PARAMS).read_text(encoding="utf-8")))
    about = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    return TrialRecord(spec, about["trial_id"], started=about["started"], at=about["started"])


def _results(path: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The whole lines of a file of results from byte ``start`` on, and where they end.

    A line that was not written to its end is left out.
    """
    if not path.exists():
        return [], start
    with path.open("rb") as file:
        file.seek(start)
        text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    return list(_parsed(whole)), start + len(whole)


def _parsed(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # cut off when a driver died, and written on after it
            continue


def truncate(search: Path, record: TrialRecord) -> None:
    """Make a trial's ``result.json`` hold its whole lines alone, each epoch once.

    Then more can follow.
    """
    path, lines = trial_folder(search, record) / RESULTS, dict[int, str]()
    if not path.exists():
        return
    for result in _results(path)[0]:
        if 1 <= result["epoch"] <= record.epochs:
            lines.setdefault(result["epoch"], json.dumps(result))
    with atomic_file(path) as file:
        file.write("".join(f"{line}\n" for line in lines.values()).encode())


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_file(path) as file:
        file.write(_json(content, indent=2).encode())


def _json(content: dict[str, Any], indent: int | None = None) -> str:
    from ray.tune.utils.util import SafeFallbackEncoder  # a reader need not wait for Ray

    return json.dumps(content, indent=indent, cls=SafeFallbackEncoder)

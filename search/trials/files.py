"""The files of a trial: the record from which a search resumes and MLflow is rebuilt.

Besides Tune's checkpoints, a trial's folder holds ``params.json`` (its spec), ``result.json`` (one
line per epoch, as Tune passes it on), ``status.json`` (its state), and ``error.txt`` if it failed.
These are written to their final place at once. Tune collects its own files elsewhere, and copies
them only every ten seconds or more.
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
# The metrics that a trial reports, with their meanings; Tune adds some twenty keys of its own.
METRICS = {metric.name: metric.meaning for metric in (*training.METRICS, HELD_UP)}


def folder_name(number: int, trial_id: str) -> str:
    """The name of a trial's folder."""
    return f"trial-{number:04d}-{trial_id}"


def trial_folder(search: Path, record: TrialRecord) -> Path:
    """The folder of a trial in the folder of its search."""
    return search / folder_name(record.number, record.trial_id)


def metrics_of(result: dict[str, Any]) -> dict[str, float]:
    """The metrics that a trial reported, from Tune's result."""
    return {name: float(result[name]) for name in METRICS if name in result}


class TrialFiles:
    """Writes the files of a search's trials, for each event before any listener is called.

    Args:
        search: the search's folder.
    """

    def __init__(self, search: Path) -> None:
        self.search = search

    def started(self, record: TrialRecord) -> None:
        """A trial began or resumed."""
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
        """Write the traceback of a failed trial."""
        (trial_folder(self.search, record) / ERROR).write_text(trace, encoding="utf-8")

    def changed(self, record: TrialRecord) -> None:
        """The status of a trial has changed."""
        about = {"trial_id": record.trial_id, "status": record.status, "error": record.error}
        times = {"started": record.started, "changed": record.at}
        _write(trial_folder(self.search, record) / STATUS, {**about, **times})


@dataclass(frozen=True)
class TrialHistory:
    """A trial with all its epochs, from its files.

    Attributes:
        record: the trial's present record; its status is also ``running`` if its driver died.
        steps: the record after each epoch, from 1 without gaps.
        size: number of bytes of ``result.json`` that were read.
    """

    record: TrialRecord
    steps: tuple[TrialRecord, ...] = ()
    size: int = 0

    def closed(self) -> "TrialHistory":
        """The history of a trial whose driver is known to be dead."""
        if self.record.status is not Status.RUNNING:
            return self
        return replace(self, record=replace(self.record, status=Status.INTERRUPTED))


def read_histories(search: Path) -> list[TrialHistory]:
    """The trials in a search's folder, in the order of their numbers.

    Folders of trials that had not begun when the driver died are left out.
    """
    histories = [read_history(folder) for folder in sorted(search.glob("trial-*-*"))]
    return sorted(
        (history for history in histories if history), key=lambda history: history.record.number
    )


def read_history(folder: Path, earlier: TrialHistory | None = None) -> TrialHistory | None:
    """The trial in ``folder``; None if it had not begun.

    Args:
        folder: the trial's folder.
        earlier: the history that was read before; ``steps`` then holds only the epochs since.
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
    """The whole lines of a file of results from byte ``start`` on, and the byte after them.

    An incomplete last line is left out.
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
        except ValueError:  # a line that was cut off when a driver died, with more text after it
            continue


def truncate(search: Path, record: TrialRecord) -> None:
    """Reduce a trial's ``result.json`` to its whole lines, with each epoch once.

    Further lines can then be appended.
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
    from ray.tune.utils.util import SafeFallbackEncoder  # imported late: readers do not need Ray

    return json.dumps(content, indent=indent, cls=SafeFallbackEncoder)

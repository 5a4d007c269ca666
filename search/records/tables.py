"""Two tables made from a search's folder: its trials, and the curves of their epochs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from search.records.overview import mapping
from search.records.place import FILE as PLACE
from search.records.place import place_in
from search.records.run_ids import run_ids
from search.records.search_file import FILE, read_search_file
from search.records.summary import read_summary
from search.records.table import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    DataTable,
    Row,
    as_kind,
    kind_of,
)
from search.trials.files import METRICS, TrialHistory, read_histories
from search.trials.record import TrialRecord
from trainables.boundary.errors import UsageError, printable

# The columns that every export has; settings and metrics follow, with prefixes.
TRIAL_COLUMNS = {
    "search": TEXT,
    "trial": INTEGER,
    "label": TEXT,
    "final": BOOLEAN,
    "repeats": INTEGER,
    "winner": BOOLEAN,
    "state": TEXT,
    "metric": TEXT,
    "epochs": INTEGER,
    "best_epoch": INTEGER,
    "started": TIME,
    "seconds": NUMBER,
    "training_seconds": NUMBER,
    "trial_id": TEXT,
    "run_id": TEXT,
    "error": TEXT,
}
CURVE_COLUMNS = {
    "search": TEXT,
    "trial": INTEGER,
    "trial_id": TEXT,
    "epoch": INTEGER,
    "seconds": NUMBER,
}
PARAMS, BEST, LAST = "params.", "best.", "last."


@dataclass(frozen=True)
class SearchLog:
    """The trials in the folder of a search.

    Attributes:
        name: name of the search.
        histories: the trials in the order of their numbers, finals last.
        winner: trial id of the winner; None without one.
        run_ids: MLflow's run ids by trial ids, as far as a local store has them.
    """

    name: str
    histories: list[TrialHistory]
    winner: str | None
    run_ids: dict[str, str]


def searches_in(folder: Path) -> list[Path]:
    """The folder of a search; for a leaderboard, the folders of its searches.

    Raises:
        UsageError: there is neither, or one of its files is damaged.
    """
    if not (folder / FILE).is_file():
        raise UsageError(
            f"{folder.name}: there is no search of this name in {folder.parent}; give the folder "
            "that holds it as --out"
        )
    if read_search_file(folder).identity:
        return [folder]
    members = sorted(path.parent for path in folder.parent.glob(f"*/{PLACE}"))
    return [each for each in members if (place := place_in(each)) and place.group == folder.name]


def read_search(folder: Path, *, running: bool = False) -> SearchLog:
    """Read the trials of the search in ``folder``.

    Args:
        folder: folder of the search.
        running: whether a process works in it; if not, unfinished trials were interrupted.

    Raises:
        UsageError: there is no search, or a file of a trial is damaged.
    """
    searches_in(folder)
    try:
        histories = read_histories(folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = printable(f"{type(error).__name__}: {error}")
        raise UsageError(f"{folder}: a file of a trial is damaged ({what})") from error
    if not running:
        histories = [history.closed() for history in histories]
    winner = mapping(read_summary(folder), "best").get("trial_id")
    return SearchLog(folder.name, histories, winner, run_ids(folder))


def trials_of(searches: Iterable[SearchLog]) -> DataTable:
    """A table with one row for each trial."""
    logs = list(searches)
    rows = [_trial_row(log, history) for log in logs for history in log.histories]
    records = [history.record for log in logs for history in log.histories]
    settings = _columns(PARAMS, (record.values for record in records))
    best = _figures(BEST, (record.best for record in records))
    last = _figures(LAST, (record.last for record in records))
    return _table({**TRIAL_COLUMNS, **settings, **best, **last}, rows)


def curves_of(searches: Iterable[SearchLog]) -> DataTable:
    """A table with one row for each epoch of a trial."""
    rows = [
        _epoch_row(log, history.record, step)
        for log in searches
        for history in log.histories
        for step in history.steps
    ]
    return _table({**CURVE_COLUMNS, **_figures("", rows)}, rows)


def _table(columns: dict[str, str], rows: list[Row]) -> DataTable:
    return DataTable(
        columns,
        [{name: as_kind(row.get(name), kind) for name, kind in columns.items()} for row in rows],
    )


def _trial_row(log: SearchLog, history: TrialHistory) -> Row:
    record = history.record
    return {
        "search": log.name,
        "trial": record.number,
        "label": record.label,
        "final": record.spec.repeats is not None,
        "repeats": record.spec.repeats,
        "winner": record.trial_id == log.winner,
        "state": str(record.status),
        "metric": record.spec.job.metric,
        "epochs": record.epochs,
        "best_epoch": record.best_epoch or None,
        "started": datetime.fromtimestamp(record.started, UTC),
        "seconds": record.at - record.started,
        "training_seconds": sum(step.epoch_seconds for step in history.steps),
        "trial_id": record.trial_id,
        "run_id": log.run_ids.get(record.trial_id),
        "error": record.error or None,
        **_prefixed(PARAMS, record.values),
        **_prefixed(BEST, record.best),
        **_prefixed(LAST, record.last),
    }


def _epoch_row(log: SearchLog, record: TrialRecord, step: TrialRecord) -> Row:
    return {
        "search": log.name,
        "trial": record.number,
        "trial_id": record.trial_id,
        "epoch": step.epochs,
        "seconds": step.at - record.started,
        **step.last,
    }


def _prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in values.items()}


def _columns(prefix: str, values: Iterable[dict[str, Any]]) -> dict[str, str]:
    """A column for each key in any of ``values``, with the kind of its values."""
    columns: dict[str, list[Any]] = {}
    for each in values:
        for name, value in each.items():
            columns.setdefault(name, []).append(value)
    return {f"{prefix}{name}": kind_of(column) for name, column in columns.items()}


def _figures(prefix: str, values: Iterable[Row]) -> dict[str, str]:
    """A column for each metric of an epoch in any of ``values``."""
    present = {name for each in values for name in each}
    return {f"{prefix}{name}": NUMBER for name in METRICS if name in present}

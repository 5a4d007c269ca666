"""What is left of a search, read from its folder and its store without Convoy's own code."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from searches import Search, number_of

_RUN_STATUS = {"completed": "FINISHED", "pruned": "FINISHED", "failed": "FAILED"}


@dataclass(frozen=True)
class Account:
    """What a fault left.

    Attributes:
        lost: trials, epochs and runs that should be there and are not.
        duplicated: those that are there more than once.
        running: runs that MLflow shows as under way.
        repeated: reports that were made again as a trial went on elsewhere: no fault, as long as
            each epoch is recorded once.
        wrong: what else is not as it should be, a line each.
    """

    lost: int = 0
    duplicated: int = 0
    running: int = 0
    repeated: int = 0
    wrong: tuple[str, ...] = ()

    def __add__(self, other: "Account") -> "Account":
        return Account(
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.running + other.running,
            self.repeated + other.repeated,
            self.wrong + other.wrong,
        )

    @property
    def clean(self) -> bool:
        """True if nothing is amiss."""
        return replace(self, repeated=0) == Account()


def checked(holds: object, otherwise: str) -> Account:
    """Nothing if something ``holds``."""
    return Account() if holds else Account(wrong=(otherwise,))


def account(search: Search, failed: Iterable[int] = ()) -> Account:
    """What is amiss with a search that should be whole.

    Args:
        search: whose process is gone.
        failed: numbers of the trials that should have failed; all others should not.
    """
    on_disk = _folder_account(search, set(failed))
    if not search.server and not (search.out / "mlflow.db").is_file():
        return on_disk + Account(lost=1, wrong=(f"{search.name}: there is no store",))
    try:
        return on_disk + _store_account(search)
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        return on_disk + Account(wrong=(f"{search.name}: its store cannot be read: {told}",))


def still_running(search: Search) -> int:
    """Runs of a local store that are left RUNNING.

    Read by SQLite itself: this process must not hold the store open when the search goes on.
    """
    path = search.out / "mlflow.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as connection:
        asked = connection.execute("SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'")
        return int(asked.fetchone()[0])


def damaged_json(folder: Path) -> list[str]:
    """The JSON files below ``folder`` that cannot be read, but for seals.

    A checkpoint that was cut off is one that is not sealed, and is known by that.
    """
    files = [path for path in folder.rglob("*.json") if path.name != "seal.json"]
    return [path.name for path in files if not _parses(path)]


def course(search: Search) -> dict[int, Any]:
    """What each trial tried, how it ended and its accuracy after each epoch."""
    return {
        number_of(folder): (
            _read(folder / "params.json")["values"],
            _read(folder / "status.json")["status"],
            [(line["epoch"], line["val_accuracy"]) for line in _lines(folder)],
        )
        for folder in search.trial_folders()
    }


def stored(search: Search) -> dict[str, Any]:
    """All that the store holds of a search, by the ids of its runs."""
    client = MlflowClient(search.uri)
    return {run.info.run_id: _content(client, run) for run in _runs(client, search)}


def _content(client: MlflowClient, run: Run) -> dict[str, Any]:
    run_id, data = run.info.run_id, run.data
    histories = {
        name: [(point.step, point.timestamp, point.value) for point in points]
        for name in sorted(data.metrics)
        for points in [client.get_metric_history(run_id, name)]
    }
    files = [(each.path, each.file_size) for each in client.list_artifacts(run_id)]
    return {
        "info": dict(run.info),
        "data": data.to_dictionary(),
        "histories": histories,
        "files": files,
    }


def _repeats(folder: Path) -> int | None:
    """The trial whose setting a training repeats; None of a trial, or if that is not known."""
    try:
        number: int | None = _read(folder / "params.json")["repeats"]
    except (OSError, ValueError, KeyError):
        return None
    return number


def _folder_account(search: Search, failed: set[int]) -> Account:
    folders = search.trial_folders()
    trials = Counter(number_of(each) for each in folders if _repeats(each) is None)
    if search.former:  # finals that were trained before the added trials have numbers between
        found = _compared(range(len(folders)), Counter(map(number_of, folders)))
        found += checked(len(trials) == search.trials, f"{search.name}: {len(trials)} trials")
    else:
        found = _compared(range(search.trials), trials)
    found += _finals_account(search, folders)
    for folder in folders:
        try:
            found += _trial_account(search, folder, number_of(folder) in failed)
        except (OSError, ValueError, KeyError) as error:
            found += Account(lost=1, wrong=(f"{search.name}/{folder.name}: {error!r}",))
    return found + _summary_account(search, bool(failed))


def repeated_reports(lines: list[dict[str, Any]]) -> list[int]:
    """How many reports of a trial were made again, each time that another process went on."""
    moves = [new for old, new in pairwise(lines) if _process(old) != _process(new)]
    return [each["iterations_since_restore"] - 1 for each in moves]


def _process(line: dict[str, Any]) -> tuple[str, int]:
    """The process that made a report."""
    return line["hostname"], line["pid"]


def _finals_account(search: Search, folders: list[Path]) -> Account:
    """Each finalist is trained again once, and nothing else is unless there were others."""
    finals = [each for each in folders if _repeats(each) is not None]
    repeated = Counter(map(_repeats, finals))
    extra = max(0, len(repeated) - search.finalists)  # the baseline, if it is not among the best
    found = _compared(repeated, repeated)
    if search.former:
        return found + checked(len(repeated) >= search.finalists, f"{search.name}: its finals")
    wanted = range(search.trials, search.trainings + extra)
    found += _compared(wanted, Counter(map(number_of, finals)))
    return found + checked(extra <= 1, f"{search.name}: trains {set(repeated)} again")


def _trial_account(search: Search, folder: Path, may_fail: bool) -> Account:
    lines = _lines(folder)
    epochs = [line["epoch"] for line in lines]
    status = _read(folder / "status.json")["status"]
    most = search.epochs if status == "completed" else max(epochs, default=0)
    expected = ("failed",) if may_fail else ("completed", "pruned")
    name = f"{search.name}/{folder.name}"
    return (
        Account(repeated=sum(repeated_reports(lines)))
        + _compared(range(1, most + 1), Counter(epochs))
        + checked(status in expected, f"{name} is {status}")
        + checked(epochs == sorted(epochs), f"{name}: epochs out of order")
    )


def _summary_account(search: Search, failures: bool) -> Account:
    try:
        summary = _read(search.folder / "summary.json")
    except (OSError, ValueError) as error:
        return Account(wrong=(f"{search.name}: {error!r}",))
    status, best = "failed-trials" if failures else "complete", summary["best"]
    trials = [each for each in search.trial_folders() if _repeats(each) is None]
    counts = Counter(_read(each / "status.json")["status"] for each in trials)
    told = {key: summary["trials"][key] for key in ("completed", "pruned", "failed")}
    weights = best and best["run_id"] and best["checkpoint"] and Path(best["checkpoint"]).is_file()
    return (
        checked(summary["status"] == status, f"{search.name}: summary says {summary['status']}")
        + checked(told == {key: counts[key] for key in told}, f"{search.name}: summary miscounts")
        + checked(
            len(summary["finalists"]) in (search.finalists, search.finalists + 1),
            f"{search.name}: its finalists",
        )
        + checked(weights or not counts["completed"], f"{search.name}: the winner is not kept")
    )


def _store_account(search: Search) -> Account:
    client = MlflowClient(search.uri)
    runs = list(_runs(client, search))
    parents = [run for run in runs if run.data.tags["convoy.kind"] == "search"]
    children = [run for run in runs if run.data.tags["convoy.kind"] in ("trial", "finalist")]
    found = _compared([search.name], Counter(search.name for _ in parents))
    found += Account(running=sum(run.info.status == "RUNNING" for run in runs))
    wanted = {_read(each / "status.json")["trial_id"]: each for each in search.trial_folders()}
    found += _compared(wanted, Counter(run.data.tags["convoy.trial_id"] for run in children))
    winners = [run for run in children if run.data.tags.get("convoy.winner") == "true"]
    ended = [run for run in children if run.info.status == "FINISHED"]
    found += checked(len(winners) == min(1, len(ended)), f"{search.name}: {len(winners)} winners")
    for run in parents:
        found += checked(run.info.status == "FINISHED", f"parent run is {run.info.status}")
    for run in children:
        parent = run.data.tags["mlflow.parentRunId"]
        found += checked(parent == parents[0].info.run_id, f"{run.info.run_name} is elsewhere")
        if folder := wanted.get(run.data.tags["convoy.trial_id"]):
            found += _run_account(client, run, folder)
    return found


def _runs(client: MlflowClient, search: Search) -> Iterator[Run]:
    """All runs that name the search, its own and its trials'."""
    places = [each.experiment_id for each in client.search_experiments()]
    yield from client.search_runs(places, f"tags.`convoy.search` = '{search.name}'")


def _run_account(client: MlflowClient, run: Run, folder: Path) -> Account:
    """How a trial's run differs from its files."""
    logged = client.get_metric_history(run.info.run_id, "val_accuracy")
    written = {line["epoch"]: line["val_accuracy"] for line in _lines(folder)}
    same = all(written.get(point.step) == point.value for point in logged)
    about, name = _read(folder / "status.json"), run.info.run_name
    status, told = about["status"], run.data.tags.get("convoy.error", "")
    return (
        _compared(written, Counter(point.step for point in logged))
        + checked(same, f"{name}: an accuracy differs from the file's")
        + checked(run.info.status == _RUN_STATUS.get(status), f"{name} is {run.info.status}")
        + checked(run.data.tags["convoy.status"] == status, f"{name}: its tag is not {status}")
        + checked(told == about["error"], f"{name}: its error is {told!r}")
    )


def _compared(wanted: Iterable[Any], found: Counter[Any]) -> Account:
    """Each of ``wanted`` should be found once, and nothing else."""
    asked = set(wanted)
    extra = sum(count - 1 if each in asked else count for each, count in found.items())
    return Account(lost=len(asked - set(found)), duplicated=extra)


def _lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "result.json"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _parses(path: Path) -> bool:
    try:
        whole = path.name == "result.json"
        return bool(_lines(path.parent)) if whole else bool(_read(path))
    except ValueError:
        return False

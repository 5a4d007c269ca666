"""``summary.json``: a search and its result, kept current while it runs."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from search.records.search_file import read_search_file
from search.selection import race
from search.selection.choice import Selection
from search.selection.rule import Rule
from search.trials.code_version import versions
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from trainables.best_epoch import ACCURACY
from trainables.boundary.atomic import atomic_file
from trainables.boundary.wording import counted

SCHEMA = 1
PAUSE = 1.0  # seconds between two writes of a running search's summary
FILE = "summary.json"
_NOUNS = {"trials": "trial", "finalists": "finalist", "finalist_seeds": "finalist seed"}
SearchStatus = Literal["running", "complete", "failed-trials", "interrupted"]
WHOLE = ("complete", "failed-trials")


@dataclass(frozen=True)
class Summary:
    """The content of ``summary.json``: a search's result.

    Attributes:
        search: name of the search.
        space: name of the space.
        status: ``complete`` if no trial failed, ``failed-trials`` if some did.
        seed: seed of the search.
        trials: numbers of requested, completed, pruned and failed trials.
        epochs: number of epochs of all trials together.
        images: number of training images that all trials together have seen.
        wall_seconds: duration of all runs of the search.
        baseline: trial_id, score and val_accuracy of trial 0, with mean and deviation over fresh
            seeds if its setting was trained again; None before its first epoch.
        best: the delivered run with its scores, settings and checkpoint, and what to expect of its
            setting over fresh seeds; None without a winner.
        finalists: settings that were trained again, the winner first: their score in the search,
            mean, standard deviation and interval over fresh seeds, and whether they dropped out.
        confirmed: whether the winner is a finalist; otherwise its score is partly luck.
        constraints: the bounds for the winner, and its values.
        unmeasured: constraints of the space that cannot be measured, each with the reason.
        feasible: whether the winner holds all constraints; None without constraints.
        data: name, sizes and fingerprint of the data.
        resources: CPUs and GPUs of a trial, and the number of trials at once.
        sampler: method that proposed the settings; None for a list, or in an earlier version.
        scheduler: the method that stopped losing trials; None in the same cases.
        ended_by: the limit that ended the search before all its trials and finals had run, such
            as ``--time 2h30m``; empty if none did.
        metric: the metric that judged the trials; their scores are ``val_METRIC``.
        budgets: the budgets that were asked for, the present one last.
    """

    search: str
    space: str
    status: SearchStatus
    seed: int
    trials: dict[str, int]
    epochs: int
    images: int
    wall_seconds: float
    baseline: dict[str, Any] | None
    best: dict[str, Any] | None
    data: dict[str, Any]
    resources: dict[str, float]
    finalists: list[dict[str, Any]] = field(default_factory=list)
    confirmed: bool = False
    constraints: dict[str, Any] = field(default_factory=dict)
    unmeasured: list[str] = field(default_factory=list)
    feasible: bool | None = None
    sampler: str | None = None
    scheduler: str | None = None
    ended_by: str = ""
    metric: str = ACCURACY
    budgets: list[dict[str, int]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    schema: int = SCHEMA

    @property
    def asked_before(self) -> str:
        """The earlier budgets in words; empty if there were none."""
        return asked_before(self.budgets)

    def write(self, folder: Path) -> Path:
        """Write ``folder/summary.json``, whole or not at all; the file's path."""
        path = folder / FILE
        with atomic_file(path) as file:
            file.write(json.dumps({"schema": self.schema, **asdict(self)}, indent=2).encode())
        return path


def asked_before(budgets: Sequence[dict[str, int]]) -> str:
    """How the earlier ``budgets`` differ from the last, in words; empty if they do not."""
    earlier = [
        " and ".join(
            counted(budget[key], noun)
            for key, noun in _NOUNS.items()
            if key in budget and budget[key] != budgets[-1][key]
        )
        for budget in budgets[:-1]
    ]
    return f"at first asked for {', then '.join(filter(None, earlier))}" if any(earlier) else ""


def read_summary(folder: Path) -> dict[str, Any]:
    """The content of the summary in ``folder``; empty if it is missing or damaged.

    The path of the weights is their present one, in ``folder``.
    """
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    best = document.get("best")
    if isinstance(best, dict) and isinstance(weights := best.get("checkpoint"), str):
        best["checkpoint"] = str(folder.joinpath(*Path(weights).parts[-2:]))
    return document


def summary_in(folder: Path) -> Summary | None:
    """The summary in ``folder``; None if it is missing, damaged or of another version."""
    try:
        return Summary(**read_summary(folder))
    except TypeError:
        return None


def is_whole(folder: Path) -> bool:
    """True if, by the summary in ``folder``, every requested trial has ended."""
    summary, asked = read_summary(folder), 1 + len(read_search_file(folder).earlier)
    return summary.get("status") in WHOLE and max(1, len(summary.get("budgets", ()))) == asked


def close(board: SearchBoard, summary: dict[str, Any]) -> None:
    """Close ``board`` if a limit has ended the search of ``summary``."""
    board.ended_by = summary.get("ended_by", "")
    board.trials.closed = bool(board.ended_by)
    board.finals.closed = board.trials.closed and summary.get("status") in WHOLE


def status_of(board: SearchBoard, rule: Rule) -> SearchStatus:
    """The status of a search that has ended."""
    if not race.is_whole(board, rule):
        return "interrupted"
    return "failed-trials" if board.any_failed else "complete"


def summarise(
    board: SearchBoard,
    status: SearchStatus,
    about: dict[str, Any],
    choice: Selection,
    run_id: str | None = None,
    checkpoint: Path | None = None,
) -> Summary:
    """The summary of ``board``.

    Args:
        board: the state of the trials.
        status: status of the search.
        about: the fields that do not change: search, space, seed, data, resources.
        choice: the present winner.
        run_id: MLflow run of the winner, once there is one.
        checkpoint: weights of the winner, once they are written.
    """
    return Summary(
        status=status,
        trials={
            "requested": board.trials.requested,
            "completed": board.trials.count(Status.COMPLETED),
            "pruned": board.trials.count(Status.PRUNED),
            "failed": board.trials.count(Status.FAILED),
        },
        epochs=board.epochs,
        images=board.images,
        wall_seconds=round(board.clock.seconds, 1),
        baseline=_baseline(board.trials.baseline(), choice),
        best=_best(choice, run_id, checkpoint),
        finalists=[each.described() for each in choice.finalists],
        confirmed=choice.confirmed,
        constraints={each.metric: each.described() for each in choice.judgements},
        feasible=choice.feasible if choice.judgements else None,
        ended_by=board.ended_by,
        **about,
    )


def _baseline(record: TrialRecord | None, choice: Selection) -> dict[str, Any] | None:
    if record is None or not record.best_epoch or record.status is Status.FAILED:
        return None
    measured: dict[str, Any] = {}
    if (baseline := choice.baseline) is not None:
        measured = baseline.expected() if baseline in choice.finalists else {}
        measured |= {"feasible": baseline.feasible} if baseline.judgements else {}
    return {"trial_id": record.trial_id, **record.judged, **measured}


def _best(choice: Selection, run_id: str | None, checkpoint: Path | None) -> dict[str, Any] | None:
    record = choice.winner
    if record is None:
        return None
    shortcut = ("val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
    return {
        "trial_id": record.trial_id,
        "run_id": run_id,
        **record.judged,
        **(choice.finalists[0].expected() if choice.finalists else {}),
        **{name: record.best[name] for name in shortcut if name in record.best},
        "epoch": record.best_epoch,
        "params": record.values,
        "checkpoint": None if checkpoint is None else str(checkpoint),
    }


class SummaryWriter:
    """A listener that writes the summary soon after an event, and only once for many events.

    A thread of its own writes, so that no event waits for the disk. When the ``with`` block ends,
    everything before is written and nothing more will be.

    Args:
        write: writes the summary of the search's present state.
        pause: minimum seconds between two writes.
    """

    def __init__(self, write: Callable[[], object], pause: float = PAUSE) -> None:
        self._write, self._pause = write, pause
        self._changed, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="summary", daemon=True)

    def __enter__(self) -> "SummaryWriter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._changed.set()
        self._thread.join()

    def trial_started(self, record: TrialRecord) -> None:
        """Do nothing: there is nothing to write yet."""

    def epoch_ended(self, record: TrialRecord) -> None:
        """Request a write of the summary."""
        self._changed.set()

    def trial_ended(self, record: TrialRecord) -> None:
        """Request a write of the summary."""
        self._changed.set()

    def _work(self) -> None:
        while self._changed.wait():
            self._changed.clear()
            with suppress(OSError):  # the next write, or the engine's last one, reports it
                self._write()
            if self._ended.wait(self._pause) and not self._changed.is_set():
                return

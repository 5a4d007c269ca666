"""The state of a search, read only from the files in its folder, even if these are damaged.

It imports little, so that a list of searches appears at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from search.records.search_file import FILE, SearchFile, read_search_file
from trainables.boundary.errors import UsageError

Kind = Literal["search", "ablation", "leaderboard"]
_KINDS: dict[str, Kind] = {"search.run": "search", "search.ablate": "ablation"}
_MOST = 1e11  # no number of a search is as large, and a later date cannot be shown
_ENDED = ("complete", "failed-trials", "interrupted")


@dataclass(frozen=True)
class SearchOverview:
    """The state of a search, as its folder records it.

    Attributes:
        folder: folder of the search.
        kind: ``search``, ``ablation``, or ``leaderboard`` for the result of several searches.
        space: name of the space; for a leaderboard the names of its searches' spaces.
        state: status of the search; ``interrupted`` if its process died, ``damaged`` if a file
            cannot be read, ``stopping`` if it was asked to stop.
        done: number of trials that have ended.
        requested: number of trials that were asked for.
        metric: the metric that judges the trials.
        best: score of the delivered run, in [0, 1].
        conflicting: the delivered run's accuracy where the shortcut conflicts, in [0, 1].
        begun: start in seconds since 1970.
        summary: the content of ``summary.json``.
    """

    folder: Path
    kind: Kind
    space: str
    state: str
    done: int
    requested: int
    metric: str
    best: float | None
    conflicting: float | None
    begun: float
    summary: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the search, which is its folder's."""
        return self.folder.name


def overview(folder: Path, running: str) -> SearchOverview | None:
    """The state of the search in ``folder``; None if there is no search.

    Args:
        folder: a folder that may hold a search.
        running: ``running`` or ``stopping`` if a process has locked it; otherwise empty.
    """
    if not holds_search(folder):
        return None
    written, summary = search_file_in(folder), _summary(folder)
    trials, best = mapping(summary, "trials"), mapping(summary, "best")
    metric = text(summary, "metric") or "accuracy"
    figure = number(best, f"val_{metric}")
    return SearchOverview(
        folder=folder,
        kind=_kind(written),
        space=_space(written, summary or {}),
        state=_state(written, summary, running),
        done=sum(_count(trials, key) for key in ("completed", "pruned", "failed")),
        requested=_count(trials, "requested"),
        metric=metric,
        best=number(best, "val_accuracy") if figure is None else figure,
        conflicting=number(best, "val_accuracy_conflicting"),
        begun=_begun(folder),
        summary=summary or {},
    )


def holds_search(folder: Path) -> bool:
    """True if ``folder`` holds a search, whole or damaged."""
    try:
        return (folder / FILE).is_file()
    except OSError:  # no permission to read it, or its name is too long
        return False


def search_file_in(folder: Path) -> SearchFile | None:
    """The ``search.json`` in ``folder``; None if it is missing or damaged."""
    try:
        written = read_search_file(folder)
    except (UsageError, RecursionError):
        return None
    whole = isinstance(written.flags, dict) and isinstance(written.identity, dict)
    return written if whole and isinstance(written.search_id, str) else None


def mapping(document: Any, key: str) -> dict[str, Any]:
    """The mapping under ``key`` of ``document``; empty if either is not a mapping."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def number(document: Any, key: str) -> float | None:
    """The finite number under ``key`` of ``document``; None if there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _MOST else None  # also None for an infinity and for NaN


def text(document: Any, key: str) -> str:
    """The text under ``key`` of ``document``; empty if there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""


def _count(document: dict[str, Any], key: str) -> int:
    return int(number(document, key) or 0)


def _summary(folder: Path) -> dict[str, Any] | None:
    """The content of ``summary.json``; empty if it is not written yet, None if it is damaged."""
    try:
        document = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and mapping(document, "trials") else None


def _kind(written: SearchFile | None) -> Kind:
    if written is not None and not written.identity:
        return "leaderboard"
    return _KINDS.get(written.command if written else "", "search")


def _space(written: SearchFile | None, summary: dict[str, Any]) -> str:
    if written is None:
        return text(summary, "space")
    if not written.identity:
        spaces = written.flags.get("space")
        return ", ".join(map(str, spaces)) if isinstance(spaces, list) else ""
    return text(summary, "space") or text(written.identity, "space")


def _state(written: SearchFile | None, summary: dict[str, Any] | None, running: str) -> str:
    if running:
        return running
    if written is None or summary is None:
        return "damaged"
    status = text(summary, "status")
    return status if status in _ENDED else "interrupted"


def _begun(folder: Path) -> float:
    """The start of the first trial; before that, the time of the search's request."""
    for path in folder.glob("trial-0000-*/status.json"):
        try:
            started = number(json.loads(path.read_text(encoding="utf-8")), "started")
        except (OSError, ValueError):
            continue
        if started:
            return started
    return (folder / FILE).stat().st_mtime

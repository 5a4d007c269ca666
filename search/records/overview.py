"""A search at a glance, from the files in its folder alone, whoever wrote them and however whole.

Imports little: a list of searches is there at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from search.records.search_file import FILE, SearchFile, read_search_file
from trainables.boundary.errors import UsageError

Kind = Literal["search", "ablation", "leaderboard"]
_KINDS: dict[str, Kind] = {"search.run": "search", "search.ablate": "ablation"}
_MOST = 1e11  # no figure of a search is as large, and no date beyond can be shown
_ENDED = ("complete", "failed-trials", "interrupted")


@dataclass(frozen=True)
class SearchOverview:
    """How a search stands, as its folder says.

    Attributes:
        folder: the search's.
        kind: a ``leaderboard`` holds the result of several searches, each in a folder of its own.
        space: name of the space; of a leaderboard those of its searches.
        state: its status, but ``interrupted`` where its process died; ``damaged`` where a file
            cannot be read, ``stopping`` where it was asked to.
        done: trials that have ended.
        requested: trials that there are to be.
        metric: what decides between the trials.
        best: the delivered run's figure, in [0, 1].
        conflicting: its accuracy where the shortcut conflicts.
        begun: seconds since 1970.
        summary: all of ``summary.json``.
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
        """Its folder's."""
        return self.folder.name


def overview(folder: Path, running: str) -> SearchOverview | None:
    """The search in ``folder`` at a glance; None if there is none.

    Args:
        folder: that may hold a search.
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
    """True if ``folder`` is a search's, whole or damaged."""
    try:
        return (folder / FILE).is_file()
    except OSError:  # nobody may look into it, or its name is too long
        return False


def search_file_in(folder: Path) -> SearchFile | None:
    """What the search in ``folder`` was asked to do; None if there is none, or it is damaged."""
    try:
        written = read_search_file(folder)
    except (UsageError, RecursionError):
        return None
    whole = isinstance(written.flags, dict) and isinstance(written.identity, dict)
    return written if whole and isinstance(written.search_id, str) else None


def mapping(document: Any, key: str) -> dict[str, Any]:
    """What ``document`` holds under ``key``, if both are mappings; else an empty one."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def number(document: Any, key: str) -> float | None:
    """The finite number that ``document`` holds under ``key``; None if there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _MOST else None  # not of an infinity, nor of NaN


def text(document: Any, key: str) -> str:
    """The text that ``document`` holds under ``key``; empty if there is none."""
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) else ""


def _count(document: dict[str, Any], key: str) -> int:
    return int(number(document, key) or 0)


def _summary(folder: Path) -> dict[str, Any] | None:
    """What ``summary.json`` holds; empty if it was not written yet, None if it is damaged."""
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
    """When the first trial began; before that, when the search was asked for."""
    for path in folder.glob("trial-0000-*/status.json"):
        try:
            started = number(json.loads(path.read_text(encoding="utf-8")), "started")
        except (OSError, ValueError):
            continue
        if started:
            return started
    return (folder / FILE).stat().st_mtime

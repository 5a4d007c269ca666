"""Finds the searches in a folder, and one of them by its name."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from search.driver.lock import is_locked
from search.driver.stop_request import is_requested
from search.records.disk_use import size_of
from search.records.overview import SearchOverview, holds_search, overview, search_file_in
from search.records.search_file import FILE, SearchFile
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.wording import nearest

_ADVICE = "python -m search.list shows the searches there"
# The states of a group, the strongest first: a group is in the first one that a search is in.
_STATES = ("running", "stopping", "damaged", "interrupted", "failed-trials", "complete")


def out_folder(written: str) -> Path:
    """The folder of searches that ``--out`` names.

    Raises:
        UsageError: the folder does not exist or cannot be read.
    """
    out = user_path(written, "--out")
    try:
        next(out.iterdir(), None)
    except OSError as error:
        raise UsageError(
            f"--out: {out} holds no searches ({error.strerror}); name the folder of searches"
        ) from error
    return out


def searches_in(out: Path) -> list[SearchOverview]:
    """All searches in a folder, the latest last."""
    folders = sorted(path for path in out.iterdir() if path.is_dir())
    views = [view for folder in folders if (view := seen(folder)) is not None]
    return sorted(views, key=lambda view: view.begun)


def seen(folder: Path) -> SearchOverview | None:
    """The present state of the search in ``folder``; None if there is none.

    The state of a leaderboard combines those of its searches.
    """
    running = ("stopping" if is_requested(folder) else "running") if is_locked(folder) else ""
    view = overview(folder, running)
    if view is None or view.kind != "leaderboard":
        return view
    parts = [part for each in members(folder, search_file_in(folder)) if (part := seen(each))]
    states = {part.state for part in parts}
    if len(parts) < view.space.count(",") + 1:  # a search of the group has not begun
        states.add("interrupted")
    state = next((each for each in _STATES if each in states), "interrupted")
    done, requested = (sum(getattr(p, key) for p in parts) for key in ("done", "requested"))
    return replace(view, state=state, done=done, requested=requested)


def bytes_of(folder: Path, artifacts: Mapping[str, list[Path]]) -> int:
    """The bytes of a search on disk.

    Args:
        folder: folder of the search.
        artifacts: the folders of runs' artifacts, by search id.
    """
    written = search_file_in(folder)
    folders = artifacts.get(written.search_id, []) if written else []
    return sum(map(size_of, [folder, *folders]))


def search_named(asked: str, out: Path, advice: str = _ADVICE) -> Path:
    """The folder of the search that ``asked`` names, by its name or by its path in ``out``.

    Raises:
        UsageError: there is no such search; the message names the nearest, or gives ``advice``.
    """
    name = Path(asked).name
    plain = asked.rstrip("/") == name or user_path(asked, "NAME").parent == out
    if name in ("", ".", "..") or not plain:
        raise UsageError(
            f"{asked!r}: not the name of a search in {out}; give a name that search.list shows, "
            "and the folder that holds it as --out"
        )
    folder = out / name
    if not holds_search(folder):
        names = [path.parent.name for path in out.glob(f"*/{FILE}")]
        raise UsageError(
            f"{asked}: there is no search of this name in {out}"
            f"{nearest(name, names) or f'; {advice}'}"
        )
    return folder


def members(folder: Path, written: SearchFile | None) -> list[Path]:
    """The folders of a leaderboard's searches, if ``folder`` is a leaderboard's; else none.

    Searches that were renamed or copied since do not count.
    """
    if written is None or written.identity:
        return []
    folders = []
    for path in sorted(folder.parent.iterdir()):
        if path.name.startswith(f"{folder.name}-") and holds_search(path):
            member = search_file_in(path)
            asked = member and member.flags.get("name") == folder.name
            if member and asked and path.name == f"{folder.name}-{member.identity.get('space')}":
                folders.append(path)
    return folders

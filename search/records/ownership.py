"""Tells which search a folder holds: a moved one stays the same, a copy becomes a new search."""

import uuid
from dataclasses import replace
from pathlib import Path

from search.records.search_file import FILE, SearchFile, read_search_file
from search.records.tracking import default_uri, sqlite_file, sqlite_uri
from trainables.boundary.errors import UsageError


def owned(folder: Path, store: str) -> SearchFile:
    """The ``search.json`` in ``folder``, with an id that no other search in ``store`` has.

    It is written again if the folder was moved or copied since. The caller has locked the folder.

    Raises:
        UsageError: there is no search, or its file is damaged.
    """
    search_file = read_search_file(folder)
    if original_of(folder, store) is not None:
        search_file = replace(search_file, search_id=uuid.uuid4().hex)
    here = search_file.located(folder)
    if (here.folder, here.inode) != (search_file.folder, search_file.inode):
        here.write(folder)
    return here


def original_of(folder: Path, store: str) -> Path | None:
    """The folder of which ``folder`` is a copy, if both are recorded in ``store``; else None.

    A copy with its own store beside it may keep the id. If the original is gone and several copies
    lie side by side, the one with the original's name counts as the original.
    """
    search_file = read_search_file(folder)
    if search_file.is_in(folder):
        return None
    own = store.startswith("sqlite:") and sqlite_file(store).is_relative_to(folder.parent)
    named = folder.name == Path(search_file.folder).name
    for other in _others(folder, search_file):
        beside = other.parent == folder.parent
        stands = named and not search_file.is_in(other) if beside else own
        if not stands:
            return other
    return None


def _others(folder: Path, search_file: SearchFile) -> list[Path]:
    """The other folders with the same id: where the file was written, and those beside it."""
    siblings = sorted(path.parent for path in folder.parent.glob(f"*/{FILE}"))
    candidates = dict.fromkeys([Path(search_file.folder), *siblings])
    return [
        each
        for each in candidates
        if id_in(each) == search_file.search_id and not each.samefile(folder)
    ]


def id_in(folder: Path) -> str | None:
    """The id of the search in ``folder``; None if there is no search."""
    try:
        return read_search_file(folder).search_id
    except UsageError:
        return None


def folder_of(search_id: str, name: str, out: Path) -> Path | None:
    """The folder in ``out`` of the search with this id, even if renamed since; None without one."""
    places = [out / name, *sorted(path.parent for path in out.glob(f"*/{FILE}"))]
    return next((place for place in places if id_in(place) == search_id), None)


def moved(uri: str, before: Path, out: Path) -> str:
    """The present URI of a search's store: a store in the folder of searches moves with it.

    Args:
        uri: the URI when the folder of searches was ``before``.
        before: the former folder of searches, absolute.
        out: the present folder of searches.
    """
    if not uri.startswith("sqlite:") or not sqlite_file(uri).is_relative_to(before):
        return uri
    file, here = sqlite_file(uri), out / sqlite_file(uri).relative_to(before)
    stayed = uri != default_uri(before) and file.exists() and not here.exists()
    return uri if stayed else sqlite_uri(here)


def check_recorded(uri: str) -> str:
    """``uri``, checked: a relative one without a store there would make a second store.

    Raises:
        UsageError: it is relative, as the first version recorded it, and there is no store.
    """
    file = sqlite_file(uri)
    if uri.startswith("sqlite:") and not file.is_absolute() and not file.is_file():
        raise UsageError(
            f"the search is recorded in {uri}, which does not exist here; go to the folder in "
            "which it began, or give --tracking-uri sqlite:////PATH"
        )
    return uri

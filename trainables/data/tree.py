"""What lies in a folder, at any depth, before it is known what it means."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainables.boundary.errors import UsageError
from trainables.data.image_files import is_image

# What systems and programs leave behind, besides names that begin with a dot; in lower case.
_JUNK = {"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"}
_JUNK |= {"$recycle.bin", "system volume information", "lost+found"}


@dataclass(frozen=True)
class FolderTree:
    """Names relative to the folder, with ``/``, in sorted order; of files, each is in one list.

    Attributes:
        folders: the folders that are not hidden.
        images: by their names, whatever they hold.
        others: files that are no images.
        hidden: files that are hidden or junk, or within such a folder.
    """

    folders: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Visit:
    """A folder that is to be listed: its name with a ``/``, and what is known on the way to it.

    ``seen`` are the folders that are not entered again: those above, and below the class folders
    those of the same class, however many links lead there.
    """

    prefix: str
    depth: int
    hidden: bool
    seen: set[tuple[int, int]]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over."""
    return name.startswith(".") or name.lower() in _JUNK


def scan(root: Path) -> FolderTree:
    """All that lies in ``root``; links are followed, though never in a circle.

    Raises:
        UsageError: a folder cannot be listed.
    """
    tree = FolderTree()
    try:
        visits = [_Visit("", 0, False, {_identity(root.stat())})]
        while visits:
            visits += _list(root, visits.pop(), tree)
    except OSError as error:
        raise UsageError(f"{root} cannot be read ({error.filename}: {error.strerror})") from error
    for names in (tree.folders, tree.images, tree.others, tree.hidden):
        names.sort()
    return tree


def _list(root: Path, visit: _Visit, tree: FolderTree) -> Iterator[_Visit]:
    """Add what lies in a folder to ``tree``; the folders in it that are to be listed too."""
    try:
        with os.scandir(root / visit.prefix) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        if not visit.hidden:
            raise
        tree.hidden.append(visit.prefix)
        return
    for entry in inside:
        hidden = visit.hidden or is_hidden(entry.name)
        if _is_folder(entry):
            yield from _entered(entry, visit, hidden, tree)
        else:
            kind = tree.images if is_image(entry.name) else tree.others
            (tree.hidden if hidden else kind).append(visit.prefix + entry.name)


def _entered(
    entry: os.DirEntry[str], visit: _Visit, hidden: bool, tree: FolderTree
) -> Iterator[_Visit]:
    identity, name = _identity(entry.stat()), visit.prefix + entry.name
    if identity in visit.seen:
        return
    if not hidden:
        tree.folders.append(name)
    seen = {*visit.seen} if visit.depth < 2 else visit.seen
    seen.add(identity)
    yield _Visit(f"{name}/", visit.depth + 1, hidden, seen)


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that has an image's name is taken for one, so that it is refused by its name."""
    try:
        return entry.is_dir() and not (entry.is_symlink() and is_image(entry.name))
    except OSError:  # a link to itself
        return False

"""List the content of a folder at any depth, without interpreting it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from trainables.boundary.errors import UsageError
from trainables.data.image_files import is_image

# Files and folders that systems and programs leave behind, in lower case; also names with a dot.
_JUNK = {"__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir"}
_JUNK |= {"$recycle.bin", "system volume information", "lost+found"}


@dataclass(frozen=True)
class FolderTree:
    """Sorted names relative to the folder, with ``/``; each file is in exactly one list.

    Attributes:
        folders: the folders that are not hidden.
        images: files with an image's name, whatever their content.
        others: files without an image's name.
        hidden: files that are hidden or junk, or within such a folder.
    """

    folders: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Visit:
    """A folder to list: its name with a ``/``, its depth, and whether it is hidden.

    ``seen`` are the folders that are not entered again, however many links lead there: the folders
    above, and below a class folder also those of the same class.
    """

    prefix: str
    depth: int
    hidden: bool
    seen: set[tuple[int, int]]


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is skipped."""
    return name.startswith(".") or name.lower() in _JUNK


def scan(root: Path) -> FolderTree:
    """List ``root`` at any depth; links are followed, but never in a circle.

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
    """Add the content of a folder to ``tree``, and yield its subfolders to list."""
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
    """Whether ``entry`` is a folder; a link with an image's name counts as an image."""
    try:
        return entry.is_dir() and not (entry.is_symlink() and is_image(entry.name))
    except OSError:  # a link to itself
        return False

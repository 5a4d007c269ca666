"""Find the image files in the files and folders that a user names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.boundary.errors import UsageError, printable, some
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted
from trainables.data.tree import FolderTree, scan


@dataclass(frozen=True)
class ImageList:
    """Image files.

    Attributes:
        paths: paths by display name: as the user named the file, or its place in a named folder.
        left_out: a line for each folder on its other files.
    """

    paths: dict[str, Path]
    left_out: tuple[str, ...]


def list_images(named: Sequence[str]) -> ImageList:
    """The ``named`` files, and the images in ``named`` folders, at any depth.

    A named file counts as an image whatever its name. In a folder, file names decide which files
    are images, as in a data folder, and hidden files are skipped.

    Raises:
        UsageError: a name does not exist, or a folder holds no images.
    """
    paths, left_out = dict[str, Path](), list[str]()
    for name in named:
        # A broken link counts as an unreadable image, as it does inside a folder.
        path = Path(name).absolute() if os.path.lexists(name) else user_path(name, "FILE")
        if not name or not os.path.lexists(path):
            raise UsageError(f"{name or repr(name)}: there is no such file or folder")
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for links to forbidden files
            paths[name] = path
            continue
        tree = scan(path)
        others = _others(name, tree)
        if not tree.images:
            raise UsageError(f"{name} holds no images{others and f'; {others}'}")
        prefix = name if name.endswith("/") else f"{name}/"
        paths |= {f"{prefix}{image}": path / image for image in tree.images}
        left_out += [others] if others else []
    return ImageList(paths, tuple(left_out))


def _others(name: str, tree: FolderTree) -> str:
    """A line on the files in a folder that are not images; empty if there are none."""
    others = counted(len(tree.others), "file") + " without an image's name"
    kinds = ((others, tree.others), (counted(len(tree.hidden), "hidden file"), tree.hidden))
    parts = [f"{kind} ({some(names)})" for kind, names in kinds if names]
    return printable(f"left out of {name}: {'; '.join(parts)}") if parts else ""

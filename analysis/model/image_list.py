"""Which image files are meant by the files and folders that a user names."""

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
        paths: by what to call them: as the user named them, or below a folder so named.
        left_out: what else lies in the folders, a line each.
    """

    paths: dict[str, Path]
    left_out: tuple[str, ...]


def list_images(named: Sequence[str]) -> ImageList:
    """The files that are ``named``, and the images in folders that are, at any depth.

    A file is taken for an image whatever its name. In a folder, images are told by their names as
    in a data folder, and what is hidden there is passed over.

    Raises:
        UsageError: one of them is not there, or a folder holds no images.
    """
    paths, left_out = dict[str, Path](), list[str]()
    for name in named:
        # A link to nothing is an image that does not read, as those within folders are.
        path = Path(name).absolute() if os.path.lexists(name) else user_path(name, "FILE")
        if not name or not os.path.lexists(path):
            raise UsageError(f"{name or repr(name)}: there is no such file or folder")
        if not os.path.isdir(path):  # noqa: PTH112 - that raises for a link to what is forbidden
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
    """What lies in a folder besides images, in a line; empty if nothing does."""
    others = counted(len(tree.others), "file") + " without an image's name"
    kinds = ((others, tree.others), (counted(len(tree.hidden), "hidden file"), tree.hidden))
    parts = [f"{kind} ({some(names)})" for kind, names in kinds if names]
    return printable(f"left out of {name}: {'; '.join(parts)}") if parts else ""

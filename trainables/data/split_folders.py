"""Find the folder of each split, by the usual names at the top of the data folder.

Below ``train`` a class may have any name, even ``test``. At the top, ``train`` and ``val`` are
classes (a train is a vehicle) if they hold no folders and other folders next to them hold images;
``test`` is always the split. If no folder is called ``train``, folders whose names differ only in
the split are the splits, such as ``seg_train`` and ``seg_test``, or ``train2017`` and ``val2017``.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from unicodedata import normalize

from trainables.boundary.errors import UsageError
from trainables.data.tree import FolderTree

FORM = "expected train/CLASS/*.png, and if you have them val/CLASS/*.png and test/*.png"

_NAMES = r"(?:(train(?:ing)?)|(val(?:id(?:ation)?)?|dev(?:elopment)?)|(test(?:ing)?))"
_SPLIT = re.compile(rf"{_NAMES}(?:[-_. ]?(?:set|data|images|split))?", re.IGNORECASE)
_PART = re.compile(rf"(?<![^\W\d_]){_NAMES}(?![^\W\d_])", re.IGNORECASE)  # no letters beside it


def split_of(name: str) -> str | None:
    """The split that a folder of this name usually holds: train, val, test or None."""
    return _split(_SPLIT.fullmatch(name))


def _split(found: re.Match[str] | None) -> str | None:
    return ("train", "val", "test")[found.lastindex - 1] if found and found.lastindex else None


def _alike(names: Iterable[str]) -> dict[str, str]:
    """The splits of those ``names`` that differ from another one only in the split."""
    groups: dict[str, dict[str, str]] = {}
    for name in names:
        if split := _split(_PART.search(name)):
            groups.setdefault(_PART.sub("", name, count=1), {})[name] = split
    return {
        name: split
        for group in groups.values()
        if "train" in group.values() and len(set(group.values())) > 1
        for name, split in group.items()
    }


def top_of(path: str) -> str:
    """The first part of ``path``."""
    return path.partition("/")[0]


def class_of(path: str) -> str:
    """The class that the first part of ``path`` names, normalised, as macOS decomposes accents."""
    return normalize("NFC", top_of(path))


def tops_of(paths: Iterable[str]) -> set[str]:
    """The top folders that hold any of ``paths``."""
    return {top_of(path) for path in paths if "/" in path}


def split_folders(root: Path, tree: FolderTree) -> dict[str, str]:
    """The folder of every split that ``root`` has.

    Raises:
        UsageError: two folders mean the same split, or a link with a split's name is broken.
    """
    named: dict[str, list[str]] = {}
    tops = [name for name in tree.folders if "/" not in name]
    means = {name: split for name in tops if (split := split_of(name))}
    if "train" not in means.values():
        means = {**_alike(tops), **means}
    candidates = set(means)
    others, nested = tops_of(tree.images) - candidates, tops_of(tree.folders)
    for name in sorted(candidates):
        split = means[name]
        if split == "test" or name in nested or not others:
            named.setdefault(split, []).append(name)
    for split, names in named.items():
        if len(names) > 1:
            both = " and ".join(f"{name}/" for name in names)
            raise UsageError(f"{root} holds {both}, which all mean {split}; keep only one of them")
    for name in tree.others:
        if split_of(name) and (root / name).is_symlink():
            raise UsageError(f"{root}: {name} is a broken link, not a folder; repair or delete it")
    folders = {split: names[0] for split, names in named.items()}
    if "train" in folders:
        folders["train"] = _unwrapped(folders["train"], "train", tree, set())
    classes = set(within(tree.folders, {"train": ".", **folders}, "train"))
    return {split: _unwrapped(name, split, tree, classes) for split, name in folders.items()}


def _unwrapped(folder: str, split: str, tree: FolderTree, classes: set[str]) -> str:
    """``folder``, or its only subfolder if that has its name or split, as in ``train/train``.

    A subfolder that is one of the ``classes`` does not count.
    """
    inside = {
        top_of(path) for path in within([*tree.folders, *tree.images], {split: folder}, split)
    }
    only = inside.pop() if len(inside) == 1 else ""
    if (split_of(only) != split and only != Path(folder).name) or only in classes:
        return folder
    return _unwrapped(f"{folder}/{only}", split, tree, classes)


def check_no_splits_within(root: Path, tree: FolderTree, folders: dict[str, str]) -> None:
    """Refuse folders that look like splits below classes or other folders, so are not classes.

    Such as ``pets/train/cat``, ``cat/train`` and ``seg_train/cat``; ``folders`` are the splits'.

    Raises:
        UsageError: there is such a folder.
    """
    images = within(tree.images, {**folders, "train": "."}, "train")
    for name in within(tree.folders, {**folders, "train": "."}, "train"):
        top, _, inner = name.partition("/")
        if split_of(inner) and any(path.startswith(f"{name}/") for path in images):
            raise UsageError(
                f"{root} has no folder train/, but {name}/; give --data {root / top}, or move the "
                f"splits to the top; {FORM}"
            )
    direct = {top_of(path) for path in images if path.count("/") == 1}
    for top in sorted(tops_of(images) - direct):
        if any(map(split_of, re.split(r"[-_. \d]+", top))) and not split_of(top):
            raise UsageError(
                f"{root} holds folders within {top}/, whose name is not that of a split; rename it "
                f"to train, val or test; {FORM}"
            )


def within(paths: Iterable[str], folders: dict[str, str], split: str) -> list[str]:
    """The ``paths`` in a split's folder, relative to it."""
    folder = folders[split]
    if folder == ".":
        apart = {top_of(name) for name in folders.values()}
        return [path for path in paths if top_of(path) not in apart]
    return [path[len(folder) + 1 :] for path in paths if path.startswith(f"{folder}/")]

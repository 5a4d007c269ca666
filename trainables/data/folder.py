"""Read a folder of images: ``train/CLASS/*``, and optionally ``val/CLASS/*`` and ``test``.

Source of the form: 001_851a82de433892fa.txt, section 1.1. Classes are the folder names in sorted
order, as in torchvision's ImageFolder; images deeper in a class folder belong to that class. If the
folder holds the class folders directly, all images are training images. Without ``val``, a share of
each class's training images is held out for validation. ``test`` is unlabelled or has class folders
too. A ``labels.csv``, as the export writes it, gives the order of the images, their digits, and the
labels of the test images.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainables.boundary.errors import UsageError, printable, some
from trainables.data.cifar import is_place_of_cifar
from trainables.data.dataset import UNLABELLED, Dataset, Split, statistics
from trainables.data.image_files import Fit, UnreadableImage, common_size, decode, refuse
from trainables.data.labels_file import (
    COLUMNS,
    LABELS_FILE,
    Entries,
    has_labels,
    read_labels,
    reconcile,
)
from trainables.data.shortcut import Shortcut, read_attribute
from trainables.data.split_folders import (
    FORM,
    check_no_splits_within,
    class_of,
    split_folders,
    split_of,
    top_of,
    tops_of,
    within,
)
from trainables.data.tree import FolderTree, is_hidden, scan
from trainables.shapes import ImageShape

VAL_SHARE = 0.1
NO_FORMAT = "file(s) of no image format that is read"
NO_CLASS_FOLDER = "image(s) in no class folder"
NO_IMAGES = "folder(s) without images"
HIDDEN = "hidden file(s)"
OTHER_LABELS = f"list(s) of another tool, without the columns {','.join(COLUMNS)}"


def is_image_folder(root: Path) -> bool:
    """False if ``root`` holds CIFAR-10 or MNIST, or is missing or empty, for their download.

    Raises:
        UsageError: it cannot be listed.
    """
    try:
        visible = [] if not root.is_dir() else [p for p in root.iterdir() if not is_hidden(p.name)]
    except OSError as error:
        raise UsageError(f"--data {root} cannot be read ({error.strerror})") from error
    split = any(split_of(path.name) in ("train", "val") and path.is_dir() for path in visible)
    return split or (bool(visible) and not is_place_of_cifar(root))


@dataclass(frozen=True)
class Listing:
    """The content of a folder, before any image is opened.

    Attributes:
        root: the folder.
        classes: class names by index.
        splits: the images of each split by path within the split's folder, with label and digit.
        folders: the folder of each split, relative to ``root``.
        labels: whether a labels.csv lists the images.
        left_out: all other files, and folders without images next to those of classes or splits,
            relative to ``root``, by the reason.
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, Entries]
    folders: dict[str, str]
    labels: bool
    left_out: dict[str, list[str]]

    def paths(self, split: str) -> list[str]:
        """The images of a split, relative to ``root``."""
        folder = self.folders[split]
        prefix = "" if folder == "." else f"{folder}/"
        return [prefix + name for name in self.splits[split]]

    @property
    def has_digits(self) -> bool:
        """Whether a file gives digits, or a shortcut's classes, for any images."""
        return any(digit is not None for each in self.splits.values() for _, digit in each.values())

    def images(self) -> list[Path]:
        """The images of all splits, in order."""
        return [self.root / path for split in self.splits for path in self.paths(split)]

    def files(self) -> list[Path]:
        """Every file that the set depends on."""
        return [*self.images(), *([self.root / LABELS_FILE] if self.labels else [])]

    def described(self) -> list[Any]:
        """The classes, and the images of each split with label and digit, as JSON values."""
        return [self.classes, [[self.paths(s), list(self.splits[s].values())] for s in self.splits]]

    def left_out_line(self) -> str:
        """A line on the files that are left out; empty if there are none."""
        parts = [_counted(names, why) for why, names in self.left_out.items() if names]
        return printable(f"left out of {self.root}: {'; '.join(parts)}") if parts else ""


@dataclass(frozen=True)
class ImageForm:
    """The form into which a folder's images are converted.

    Attributes:
        size: height and width; None keeps the images' own size.
        square: whether only square images keep their own size.
        fit: how to fit an image of another size.
        channels: 3, or 1 for grey.
    """

    size: tuple[int, int] | None = None
    square: bool = False
    fit: Fit = "stretch"
    channels: int = 3


def list_folder(root: Path, val_share: float = VAL_SHARE, seed: int = 0) -> Listing:
    """List the folder's classes and images; without ``test``, that split is empty.

    Args:
        root: the folder.
        val_share: share of each class to hold out for validation if there is no ``val``, in (0, 1).
        seed: seed for drawing these images.

    Raises:
        UsageError: a split or class folder is missing, empty or ambiguous, a file's name cannot be
            written in a list, or labels.csv does not match the files.
    """
    tree = scan(root)
    folders = _folders(root, tree)
    held_out = "val" not in folders
    classes = _classes(root, tree, folders)
    labels = has_labels(root)
    splits = {
        "train": _labelled(tree, folders, "train", classes),
        "val": {} if held_out else _labelled(tree, folders, "val", classes),
        "test": _test(root, tree, folders["test"], classes),
    }
    _check_names(root, splits)
    _check_none_empty(root, tree, folders, splits, classes, labels)
    if labels:
        listed = read_labels(root, len(classes))
        splits = {n: reconcile(root, folders.get(n, n), splits[n], listed[n]) for n in splits}
    if held_out:
        folders["val"] = folders["train"]
        train, val = _held_out(splits["train"], val_share, seed, classes)
        splits |= {"train": train, "val": val}
    listing = Listing(root, classes, splits, folders, labels, {})
    return replace(listing, left_out=_left_out(listing, tree))


def _folders(root: Path, tree: FolderTree) -> dict[str, str]:
    """The folders of train and of test (which may be missing), and of val if there is one."""
    if not tree.images:
        raise UsageError(
            f"{root} holds no images{_but(tree.others)}; {FORM}, or an empty folder, into which "
            "CIFAR-10 and MNIST are downloaded"
        )
    folders = split_folders(root, tree)
    if "train" not in folders:
        others = tops_of(tree.images) - {top_of(name) for name in folders.values()}
        if "val" in folders and not others:
            raise UsageError(f"{root} has no folder train/; {FORM}")
        check_no_splits_within(root, tree, folders)
    return {"train": ".", "test": "test", **folders}


def with_shortcut(listing: Listing, shortcut: Shortcut) -> Listing:
    """``listing`` with the class that ``shortcut`` points to as each image's digit.

    The file may lack test images; then no test image has a digit.

    Raises:
        UsageError: the file cannot be read, or lacks a training or validation image.
    """
    pointed = read_attribute(shortcut, listing.root, listing.classes)
    file = listing.root / shortcut.csv
    splits: dict[str, Entries] = {}
    for split, entries in listing.splits.items():
        paths = listing.paths(split)
        if split != "test" and (missing := [path for path in paths if path not in pointed]):
            raise UsageError(
                f"shortcut.csv: {file} has no line for {some(missing)} "
                f"({len(missing)} images of {split} have none); file names are relative to --data"
            )
        labels = [label for label, _ in entries.values()]
        splits[split] = {
            name: (label, pointed.get(path))
            for name, label, path in zip(entries, labels, paths, strict=True)
        }
    others = [name for name in listing.left_out[NO_FORMAT] if listing.root / name != file]
    return replace(listing, splits=splits, left_out={**listing.left_out, NO_FORMAT: others})


def read_folder(listing: Listing, form: ImageForm = ImageForm()) -> Dataset:
    """Read the listed images as a set.

    Raises:
        UsageError: images cannot be decoded or converted to RGB; the message names them.
    """
    images, faults = listing.images(), list[UnreadableImage]()
    shape = (*(form.size or common_size(images, square=form.square)), form.channels)
    train, val, test = (
        _read_split(listing, name, shape, form.fit, faults) for name in ("train", "val", "test")
    )
    refuse(faults, listing.root, len(images))
    mean, std = statistics(train.images)
    return Dataset("folder", listing.classes, mean, std, train, val, test)


def _counted(names: list[str], what: str) -> str:
    return f"{len(names):,} {what.replace('(s)', 's' * (len(names) > 1))} ({some(names)})"


def _but(files: list[str]) -> str:
    return f", but {_counted(files, NO_FORMAT)}" if files else ""


def _classes(root: Path, tree: FolderTree, folders: dict[str, str]) -> tuple[str, ...]:
    parts = [split for split in folders if split != "test"]
    inside = {s: [n for n in within(tree.folders, folders, s) if "/" not in n] for s in parts}
    if folders["train"] == ".":  # next to the classes there may be other folders
        inside["train"] = sorted({*inside["train"]} & tops_of(tree.images))
    found = {split: set(map(class_of, names)) for split, names in inside.items()}
    names, first = found["train"], root / folders["train"]
    if "val" in found and (unlike := names ^ found["val"]):
        lacks = [
            f"{root / folders[lacking]} lacks the class folder{'s' * (len(missing) > 1)} "
            f"{some([repr(name) for name in missing])}"
            for lacking in ("val", "train")
            if (missing := sorted(unlike - found[lacking]))
        ]
        raise UsageError(f"{', and '.join(lacks)}, which the other has")
    if odd := sorted(name for name in names if not name.isprintable()):
        raise UsageError(
            f"{first} holds the class folder {some([repr(name) for name in odd])}; "
            "rename it without unprintable characters"
        )
    if len(names) < 2:
        images = within(tree.images, folders, "train")
        loose = [name for name in images if "/" not in name]
        holds = [f"the folder {name!r}" for name in names]
        holds += [_counted(loose, "image(s)")] if loose else []
        raise UsageError(
            f"{first} needs at least two class folders, but holds {' and '.join(holds) or 'none'}; "
            f"{FORM}"
        )
    return tuple(sorted(names))


def _held_out(
    entries: Entries, share: float, seed: int, classes: tuple[str, ...]
) -> tuple[Entries, Entries]:
    """Divide ``entries`` into training and validation images, with ``share`` of each class in the
    latter, and at least one image of each class in both.
    """
    rng = np.random.default_rng([seed, 4])
    names, labels = list(entries), np.array([label for label, _ in entries.values()])
    held = np.zeros(len(names), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UsageError(
                f"class {classes[label]!r} has one image; it needs two, one for validation"
            )
        held[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    parts = [
        {n: entries[n] for n, out in zip(names, held, strict=True) if out == v} for v in (0, 1)
    ]
    return parts[0], parts[1]


def _labelled(
    tree: FolderTree, folders: dict[str, str], split: str, classes: tuple[str, ...]
) -> Entries:
    """The images of the class folders, class by class."""
    return _by_class(within(tree.images, folders, split), classes)


def _by_class(paths: Iterable[str], classes: tuple[str, ...]) -> Entries:
    label = {name: index for index, name in enumerate(classes)}
    found = [(label[class_of(path)], path) for path in paths if "/" in path]
    return {path: (index, None) for index, path in sorted(found)}


def _test(root: Path, tree: FolderTree, folder: str, classes: tuple[str, ...]) -> Entries:
    """Labelled images if there are class folders, else all images without labels."""
    paths = [path[len(folder) + 1 :] for path in tree.images if path.startswith(f"{folder}/")]
    tops, known = set(map(class_of, tops_of(paths))), {name.casefold() for name in classes}
    if not any(top.casefold() in known for top in tops):
        return dict.fromkeys(paths, (UNLABELLED, None))
    if strange := sorted(tops.difference(classes)):
        are = "is not a class" if len(strange) == 1 else "are not classes"
        raise UsageError(
            f"{root / folder}: {some(strange)} {are} of the training images; name its folders "
            f"after the classes, or put unlabelled images directly into {root / folder}"
        )
    return _by_class(paths, classes)


def _check_names(root: Path, splits: dict[str, Entries]) -> None:
    """Refuse file names that cannot be written in a list of predictions."""
    names = [
        name if split == "test" else name.partition("/")[2]
        for split, entries in splits.items()
        for name in entries
    ]
    if odd := [repr(name) for name in names if not name.isprintable()]:
        raise UsageError(
            f"{root} holds {some(odd)}, {'names' if len(odd) > 1 else 'a name'} that a list of "
            "predictions cannot contain; rename without unprintable characters"
        )


def _check_none_empty(
    root: Path,
    tree: FolderTree,
    folders: dict[str, str],
    splits: dict[str, Entries],
    classes: tuple[str, ...],
    labels: bool,
) -> None:
    """Refuse class folders without images; with a labels.csv, only splits without images."""
    for split in ("train", "val"):
        if split not in folders:
            continue
        empty = sorted(set(classes) - set(map(class_of, splits[split])))
        if empty and not (labels and splits[split]):
            others = within(tree.others, folders, split)
            inside = [name for name in others if class_of(name) in empty and "/" in name]
            raise UsageError(
                f"{root / folders[split]}: {some(empty)} {'hold' if len(empty) > 1 else 'holds'} "
                f"no images{_but(inside)}; add some, or move the folder elsewhere"
            )


def _left_out(listing: Listing, tree: FolderTree) -> dict[str, list[str]]:
    """The files that are not read, by reason."""
    read = {path for split in listing.splits for path in listing.paths(split)}
    labels = [name for name in tree.others if name == LABELS_FILE]
    return {
        NO_FORMAT: [name for name in tree.others if name != LABELS_FILE],
        NO_CLASS_FOLDER: [name for name in tree.images if name not in read],
        NO_IMAGES: _without_images(listing, tree),
        OTHER_LABELS: [] if listing.labels else labels,
        HIDDEN: tree.hidden,
    }


def _without_images(listing: Listing, tree: FolderTree) -> list[str]:
    """The folders at the level of class folders or splits that hold no images at any depth."""
    apart = {top_of(folder) for folder in listing.folders.values()}
    top = {name for name in tree.folders if "/" not in name}
    return sorted(f"{name}/" for name in top - tops_of(tree.images) - apart)


def _read_split(
    listing: Listing, split: str, shape: ImageShape, fit: Fit, faults: list[UnreadableImage]
) -> Split:
    """Read the images of a split; errors are added to ``faults``."""
    entries = listing.splits[split]
    images = np.empty((len(entries), *shape), dtype=np.uint8)
    for index, path in enumerate(listing.paths(split)):
        try:
            images[index] = decode(listing.root / path, shape, fit)
        except UnreadableImage as error:
            faults.append(error)
    labels = np.array([label for label, _ in entries.values()], dtype=np.int64)
    digits = [digit for _, digit in entries.values()]
    known = bool(digits) and None not in digits
    return Split(
        images, labels, np.array(digits, dtype=np.int64) if known else None, tuple(entries)
    )

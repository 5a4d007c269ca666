"""A folder of images: ``train/CLASS/*``, and where there are, ``val/CLASS/*`` and ``test``.

Source of the form: 001_851a82de433892fa.txt, section 1.1. Classes are the folder names in sorted
order, as torchvision's ImageFolder numbers them; a folder that holds the class folders itself is
all training images. Without ``val`` a share of each class's training images is held out for it.
``test`` is flat and unlabelled, or has the class folders too. A ``labels.csv``
(``split,filename,label,digit``; file names relative to the split's folder), such as the export
writes, gives the order of the images, their digits, and the labels of the test images, which are
unlabelled without it.
"""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainables.boundary.errors import UsageError
from trainables.data.dataset import UNLABELLED, Dataset, Split, statistics
from trainables.data.image_files import common_size, decode, is_image
from trainables.data.shortcut import Shortcut, read_attribute

LABELS_FILE = "labels.csv"
VAL_SHARE = 0.1

Label = tuple[int, int | None]
Entries = dict[str, Label]


def is_image_folder(root: Path) -> bool:
    """True if ``root`` holds folders of images rather than torchvision's files."""
    if not root.is_dir():
        return False
    split = (root / "train").is_dir() or (root / "val").is_dir()
    return split or sum(any(map(is_image, folder.iterdir())) for folder in _folders(root)) >= 2


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before any image is opened.

    Attributes:
        root: the folder.
        classes: class names by index.
        splits: for each split its images by path within the split's folder, with label and digit.
        folders: for each split its folder, relative to ``root``.
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, Entries]
    folders: dict[str, str]

    def paths(self, split: str) -> list[str]:
        """The images of a split, relative to ``root``."""
        return [(Path(self.folders[split]) / name).as_posix() for name in self.splits[split]]

    def files(self) -> list[Path]:
        """Every file that the set depends on."""
        images = [self.root / path for split in self.splits for path in self.paths(split)]
        return [*images, *self.root.glob(LABELS_FILE)]

    def described(self) -> list[Any]:
        """Which image stands where, and with what label and digit, as JSON values."""
        return [self.classes, [[self.paths(s), list(self.splits[s].values())] for s in self.splits]]


def list_folder(root: Path, val_share: float = VAL_SHARE, seed: int = 0) -> Listing:
    """The folder's classes and images; ``test`` may be absent, and is empty then.

    Args:
        root: the folder.
        val_share: where there is no ``val``, the share of each class that validates, in (0, 1).
        seed: draws them.

    Raises:
        UsageError: a split or class folder is missing or empty, a file's name cannot stand in a
            list, or labels.csv does not match the files.
    """
    folders = {"train": "train", "val": "val", "test": "test"}
    if not (root / "train").is_dir() and not (root / "val").is_dir():
        folders["train"] = "."
    held_out = not os.path.lexists(root / "val")  # a broken link is no wish for that
    classes = _classes(root, [folders["train"], *([] if held_out else ["val"])])
    listed = _read_labels(root, classes)
    splits: dict[str, Entries] = {
        "train": _labelled_files(root / folders["train"], classes, listed is None),
        "val": {} if held_out else _labelled_files(root / "val", classes, listed is None),
        "test": _test_files(root / "test", classes),
    }
    if listed is not None:
        splits = {n: _reconcile(root, folders[n], splits[n], listed[n]) for n in splits}
    if held_out:
        folders["val"] = folders["train"]
        train, val = _held_out(splits["train"], val_share, seed, classes)
        splits |= {"train": train, "val": val}
    return Listing(root, classes, splits, folders)


def with_shortcut(listing: Listing, shortcut: Shortcut) -> Listing:
    """``listing`` with the class that ``shortcut`` points to for each image's digit.

    Test images may lack it; none of them has a digit then.

    Raises:
        UsageError: its file does not read, or a training or validation image is not in it.
    """
    pointed = read_attribute(shortcut, listing.root, listing.classes)
    splits: dict[str, Entries] = {}
    for split, entries in listing.splits.items():
        paths = listing.paths(split)
        if split != "test" and (missing := [path for path in paths if path not in pointed]):
            raise UsageError(
                f"shortcut.csv: {listing.root / shortcut.csv} has no line for {missing[0]} "
                f"({len(missing)} images of {split} have none); file names are relative to --data"
            )
        labels = [label for label, _ in entries.values()]
        splits[split] = {
            name: (label, pointed.get(path))
            for name, label, path in zip(entries, labels, paths, strict=True)
        }
    return replace(listing, splits=splits)


def read_folder(listing: Listing, image_size: int = 0) -> Dataset:
    """The listed images as a set.

    Args:
        listing: of the folder.
        image_size: height and width to resize to; 0 keeps the images' own if all are square and
            of one size.

    Raises:
        UsageError: an image does not decode, or is not RGB-convertible.
    """
    images = (listing.root / path for split in listing.splits for path in listing.paths(split))
    size = image_size or common_size(images)
    train, val, test = (_read_split(listing, name, size) for name in ("train", "val", "test"))
    mean, std = statistics(train.images)
    return Dataset("folder", listing.classes, mean, std, train, val, test)


def _folders(root: Path) -> list[Path]:
    """The folders that can be class folders of ``root`` itself."""
    found = (f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    return sorted(f for f in found if f.name != "test")


def _classes(root: Path, splits: list[str]) -> tuple[str, ...]:
    found: dict[str, set[str]] = {}
    for split in splits:
        if not (root / split).is_dir():
            raise UsageError(f"{root} has no folder {split}/; expected {split}/CLASS/*.png")
        inside = _folders(root) if split == "." else (root / split).iterdir()
        found[split] = {f.name for f in inside if f.is_dir() and not f.name.startswith(".")}
    first, last = splits[0], splits[-1]
    if missing := found[first] ^ found[last]:
        name = min(missing)
        lacking = last if name in found[first] else first
        raise UsageError(f"{root / lacking} lacks the class folder {name!r} that the other has")
    if odd := [name for name in found[first] if not name.isprintable() or "$" in name]:
        raise UsageError(  # $ begins a formula in the text of a figure
            f"{root / first} holds the class folder {min(odd)!r}; rename it without odd letters"
        )
    if len(found[first]) < 2:
        raise UsageError(f"{root / first} needs two class folders or more, with *.png or *.jpg")
    return tuple(sorted(found[first]))


def _held_out(
    entries: Entries, share: float, seed: int, classes: tuple[str, ...]
) -> tuple[Entries, Entries]:
    """``entries`` divided into training and validation images, ``share`` of each class the latter.

    At least one image of each class is on either side.
    """
    rng = np.random.default_rng([seed, 4])
    names, labels = list(entries), np.array([label for label, _ in entries.values()])
    held = np.zeros(len(names), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UsageError(
                f"class {classes[label]!r} has one image; two are wanted, one of them to validate"
            )
        held[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    parts = [
        {n: entries[n] for n, out in zip(names, held, strict=True) if out == v} for v in (0, 1)
    ]
    return parts[0], parts[1]


def _test_files(folder: Path, classes: tuple[str, ...]) -> Entries:
    """Images that lie flat are unlabelled; without any, those of class folders are labelled."""
    if flat := _images_in(folder):
        return {f.name: (UNLABELLED, None) for f in flat}
    for inside in _folders(folder) if folder.is_dir() else ():
        if inside.name not in classes and _images_in(inside):
            raise UsageError(
                f"{inside} is no class of the training images; put unlabelled images into "
                f"{folder} itself"
            )
    return {
        f"{name}/{f.name}": (label, None)
        for label, name in enumerate(classes)
        for f in _images_in(folder / name)
    }


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.iterdir() if is_image(f))
    for file in found:
        if "," in file.name or not file.name.isprintable():
            raise UsageError(
                f"{folder} holds {file.name!r}, a name that cannot stand in a list of predictions; "
                "rename it without commas and odd characters"
            )
    return found


def _labelled_files(folder: Path, classes: tuple[str, ...], every_class: bool) -> Entries:
    entries: Entries = {}
    for label, name in enumerate(classes):
        files = _images_in(folder / name)
        if not files and every_class:
            raise UsageError(f"{folder / name} holds no images (*.png, *.jpg)")
        entries |= {f"{name}/{f.name}": (label, None) for f in files}
    if not entries:
        raise UsageError(f"{folder} holds no images (*.png, *.jpg)")
    return entries


def _read_labels(root: Path, classes: tuple[str, ...]) -> dict[str, Entries] | None:
    path = root / LABELS_FILE
    if not path.is_file():
        return None
    listed: dict[str, Entries] = {"train": {}, "val": {}, "test": {}}
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                line += 1
                entries = listed[row["split"]]
                if row["filename"] in entries:
                    raise ValueError(f"{row['filename']} stands there twice")
                entries[row["filename"]] = _label(row, len(classes))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(
            f"{path}, line {line}: {error}; "
            "expected the columns split,filename,label,digit with whole numbers"
        ) from error
    return listed


def _label(row: dict[str, str], classes: int) -> Label:
    label, digit = int(row["label"]), int(row["digit"]) if row["digit"] else None
    if not UNLABELLED <= label < classes:
        raise ValueError(f"label {label} is not below {classes}, the number of classes")
    if digit is not None and not 0 <= digit <= 9:
        raise ValueError(f"digit {digit} is not between 0 and 9")
    return label, digit


def _reconcile(root: Path, split: str, found: Entries, listed: Entries) -> Entries:
    """``listed``, once it names exactly the files that are there, with the labels they have."""
    if strange := set(found) ^ set(listed):
        name = min(strange)
        where = f"is in {LABELS_FILE} but not in" if name in listed else "is not listed, but in"
        raise UsageError(f"{name} {where} {root / split}; write {LABELS_FILE} anew or delete it")
    for name, (label, _) in found.items():
        if label not in (UNLABELLED, listed[name][0]):
            raise UsageError(
                f"{root / LABELS_FILE} gives {split}/{name} label {listed[name][0]}, "
                f"but its folder is of label {label}"
            )
    return listed


def _read_split(listing: Listing, split: str, size: int) -> Split:
    entries = listing.splits[split]
    images = np.empty((len(entries), size, size, 3), dtype=np.uint8)
    for index, path in enumerate(listing.paths(split)):
        images[index] = decode(listing.root / path, size)
    labels = np.array([label for label, _ in entries.values()], dtype=np.int64)
    digits = [digit for _, digit in entries.values()]
    known = bool(digits) and None not in digits
    return Split(
        images, labels, np.array(digits, dtype=np.int64) if known else None, tuple(entries)
    )

"""A folder in the course's form: ``train/CLASS/*``, ``val/CLASS/*`` and a flat ``test/*``.

Source: 001_851a82de433892fa.txt, section 1.1. Classes are the folder names in sorted order, as
torchvision's ImageFolder numbers them. A ``labels.csv`` (``split,filename,label,digit``; file names
relative to the split's folder), such as the export writes, gives the order of the images, their
digits, and the labels of the test images, which are unlabelled without it.
"""

import csv
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainables.data.dataset import UNLABELLED, Dataset, Images, Split, statistics
from trainables.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image

EXTENSIONS = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")  # no other decoder of Pillow's, some of which start programs
MOST_PIXELS = 1024  # a side
LABELS_FILE = "labels.csv"
# 16- and 32-bit greys clip or wrap when PIL makes RGB of them, so they are refused.
RGB_CONVERTIBLE = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}

Label = tuple[int, int | None]


def is_course_folder(root: Path) -> bool:
    """True if ``root`` looks like the course's form rather than torchvision's."""
    return (root / "train").is_dir() or (root / "val").is_dir()


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before any image is opened.

    Attributes:
        root: the folder.
        classes: class names by index.
        splits: for each split its images by path within the split, with label and digit.
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, dict[str, Label]]

    def files(self) -> list[Path]:
        """Every file that the set depends on."""
        images = [self.root / split / name for split in self.splits for name in self.splits[split]]
        return [*images, *self.root.glob(LABELS_FILE)]


def list_folder(root: Path) -> Listing:
    """The folder's classes and images; ``test`` may be absent, and is empty then.

    Raises:
        UsageError: a split or class folder is missing or empty, a file's name cannot stand in a
            list, or labels.csv does not match the files.
    """
    classes = _classes(root)
    listed = _read_labels(root, classes)
    splits: dict[str, dict[str, Label]] = {
        "train": _labelled_files(root, "train", classes, listed is None),
        "val": _labelled_files(root, "val", classes, listed is None),
        "test": {f.name: (UNLABELLED, None) for f in _images_in(root / "test")},
    }
    if listed is not None:
        splits = {name: _reconcile(root, name, splits[name], listed[name]) for name in splits}
    return Listing(root, classes, splits)


def read_folder(listing: Listing) -> Dataset:
    """The listed images as a set.

    Raises:
        UsageError: an image does not decode, is not RGB-convertible or differs in size.
    """
    root, splits = listing.root, listing.splits
    size = _size(root / "train" / next(iter(splits["train"])))
    train, val, test = (_read_split(root / name, splits[name], size) for name in splits)
    mean, std = statistics(train.images)
    return Dataset("folder", listing.classes, mean, std, train, val, test)


def _classes(root: Path) -> tuple[str, ...]:
    found = {}
    for split in ("train", "val"):
        if not (root / split).is_dir():
            raise UsageError(f"{root} has no folder {split}/; expected {split}/CLASS/*.png")
        folders = (f for f in (root / split).iterdir() if f.is_dir())
        found[split] = {f.name for f in folders if not f.name.startswith(".")}
    if missing := found["train"] ^ found["val"]:
        name = min(missing)
        lacking = "val" if name in found["train"] else "train"
        raise UsageError(f"{root / lacking} lacks the class folder {name!r} that the other has")
    if odd := [name for name in found["train"] if not name.isprintable() or "$" in name]:
        raise UsageError(  # $ begins a formula in the text of a figure
            f"{root / 'train'} holds the class folder {min(odd)!r}; rename it without odd letters"
        )
    if len(found["train"]) < 2:
        raise UsageError(f"{root / 'train'} needs two class folders or more, with *.png or *.jpg")
    return tuple(sorted(found["train"]))


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(f for f in folder.iterdir() if _is_image(f))
    for file in found:
        if "," in file.name or not file.name.isprintable():
            raise UsageError(
                f"{folder} holds {file.name!r}, a name that cannot stand in a list of predictions; "
                "rename it without commas and odd characters"
            )
    return found


def _is_image(path: Path) -> bool:
    """By its name; hidden files, such as macOS puts into archives, are none."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


def _labelled_files(
    root: Path, split: str, classes: tuple[str, ...], every_class: bool
) -> dict[str, Label]:
    entries: dict[str, Label] = {}
    for label, name in enumerate(classes):
        files = _images_in(root / split / name)
        if not files and every_class:
            raise UsageError(f"{root / split / name} holds no images (*.png, *.jpg)")
        entries |= {f"{name}/{f.name}": (label, None) for f in files}
    if not entries:
        raise UsageError(f"{root / split} holds no images (*.png, *.jpg)")
    return entries


def _read_labels(root: Path, classes: tuple[str, ...]) -> dict[str, dict[str, Label]] | None:
    path = root / LABELS_FILE
    if not path.is_file():
        return None
    listed: dict[str, dict[str, Label]] = {"train": {}, "val": {}, "test": {}}
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


def _reconcile(
    root: Path, split: str, found: dict[str, Label], listed: dict[str, Label]
) -> dict[str, Label]:
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


def _read_split(folder: Path, entries: dict[str, Label], size: tuple[int, int]) -> Split:
    images = np.empty((len(entries), size[1], size[0], 3), dtype=np.uint8)
    for index, name in enumerate(entries):
        images[index] = _decode(folder / name, size)
    labels = np.array([label for label, _ in entries.values()], dtype=np.int64)
    digits = [digit for _, digit in entries.values()]
    known = bool(digits) and None not in digits
    return Split(
        images, labels, np.array(digits, dtype=np.int64) if known else None, tuple(entries)
    )


def _size(path: Path) -> tuple[int, int]:
    width, height = _open(path).size
    if width != height:
        raise UsageError(f"{path} is {width}x{height} pixels; images must be square")
    return width, height


def _decode(path: Path, size: tuple[int, int]) -> Images:
    image = _open(path)
    if image.size != size:
        found, first = "x".join(map(str, image.size)), "x".join(map(str, size))
        raise UsageError(f"{path} is {found} pixels, the first image {first}; make them equal")
    return np.asarray(image.convert("RGB"))


def _open(path: Path) -> "Image.Image":
    from PIL import Image  # what trains on other sets does without it

    if not path.is_file():  # to open a pipe would wait for ever
        raise UsageError(f"{path} is no file, or a link to none; replace or delete it")
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            opened = Image.open(path, formats=FORMATS)  # reads the header; its size is checked next
        with opened as image:
            _check_header(path, image)
            image.load()
    except UsageError:
        raise
    except Exception as error:  # Pillow lets through whatever Python raises for damaged bytes
        raise UsageError(f"{path} does not decode as PNG or JPEG; replace or delete it") from error
    return image


def _check_header(path: Path, image: "Image.Image") -> None:
    """What can be told before the pixels are decoded, however many they are."""
    if max(image.size) > MOST_PIXELS:
        raise UsageError(
            f"{path} is {image.width}x{image.height} pixels; at most {MOST_PIXELS} a side are read"
        )
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise UsageError(f"{path} is animated; save the frame that is meant")
    if image.mode not in RGB_CONVERTIBLE:
        raise UsageError(
            f"{path} has mode {image.mode}, which is not RGB-convertible; save it as RGB"
        )

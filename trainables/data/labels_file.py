"""``labels.csv``, which the export writes next to its images: their order, labels and digits.

The name is reserved for a file with the columns ``split,filename,label,digit``. A file with other
columns, which another tool wrote, is left out like any file that is not an image.
"""

import csv
from pathlib import Path

from trainables.boundary.errors import UsageError, some
from trainables.data.dataset import NO_CLASS, UNLABELLED

LABELS_FILE = "labels.csv"
COLUMNS = ("split", "filename", "label", "digit")

Label = tuple[int, int | None]
Entries = dict[str, Label]


def has_labels(root: Path) -> bool:
    """Whether ``root`` holds a ``labels.csv`` with these columns."""
    path = root / LABELS_FILE
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.readline(1000).decode("utf-8-sig", "replace").strip()
    return set(COLUMNS) <= {name.strip('"') for name in header.split(",")}


def read_labels(root: Path, classes: int) -> dict[str, Entries]:
    """The rows of ``root``'s file by split and file name.

    Raises:
        UsageError: a row is damaged, appears twice, or has an unknown split, class or digit.
    """
    path = root / LABELS_FILE
    listed: dict[str, Entries] = {"train": {}, "val": {}, "test": {}}
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                line += 1
                entries = listed[row["split"]]
                if row["filename"] in entries:
                    raise ValueError(f"{row['filename']} appears twice")
                entries[row["filename"]] = _label(row, classes)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise UsageError(
            f"{path}, line {line}: {error}; "
            f"expected the columns {','.join(COLUMNS)} with whole numbers"
        ) from error
    return {split: _with_unknown_digits(entries) for split, entries in listed.items()}


def _with_unknown_digits(entries: Entries) -> Entries:
    """``entries`` with ``NO_CLASS`` for unknown digits, if any digits are known."""
    if all(digit is None for _, digit in entries.values()):
        return entries
    return {n: (label, NO_CLASS if d is None else d) for n, (label, d) in entries.items()}


def _label(row: dict[str, str], classes: int) -> Label:
    label = int(row["label"]) if row["label"] else UNLABELLED
    digit = int(row["digit"]) if row["digit"] else None
    if not UNLABELLED <= label < classes:
        raise ValueError(f"label {label} is not below {classes}, the number of classes")
    if digit is not None and not 0 <= digit <= 9:
        raise ValueError(f"digit {digit} is not between 0 and 9")
    return label, digit


def reconcile(root: Path, folder: str, found: Entries, listed: Entries) -> Entries:
    """Return ``listed`` after checking it against the files ``found`` and their labels.

    An image without a listed label gets the label of its folder.

    Raises:
        UsageError: the files or their labels differ.
    """
    for here, other, where in (
        (listed, found, f"in {LABELS_FILE} but not in"),
        (found, listed, f"not listed in {LABELS_FILE}, but in"),
    ):
        if strange := sorted(here.keys() - other.keys()):
            are = "is" if len(strange) == 1 else "are"
            raise UsageError(
                f"{some(strange)} {are} {where} {root / folder}; "
                f"write {LABELS_FILE} anew or delete it"
            )
    labels = {name: {label, listed[name][0]} - {UNLABELLED} for name, (label, _) in found.items()}
    false = [name for name, either in labels.items() if len(either) > 1]
    if false:
        raise UsageError(
            f"{root / LABELS_FILE} gives {folder}/{false[0]} label {listed[false[0]][0]}, but its "
            f"folder has label {found[false[0]][0]} ({len(false):,} of its labels are wrong)"
        )
    return {
        name: (next(iter(labels[name]), UNLABELLED), digit) for name, (_, digit) in listed.items()
    }

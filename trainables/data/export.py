"""Write a set as a folder in the course's form, with a ``labels.csv``."""

import csv
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data.dataset import NO_CLASS, UNLABELLED, Dataset, Split
from trainables.data.labels_file import COLUMNS, LABELS_FILE


def export(dataset: Dataset, out: Path, test_labels: bool = False) -> None:
    """Write ``train/CLASS/*.png``, ``val/CLASS/*.png``, ``test/*.png`` and ``labels.csv``.

    PNG preserves every pixel, and labels.csv the order, so reading ``out`` gives the same arrays.
    The folder gets its name only when it is complete.

    Args:
        dataset: the set to write.
        out: the folder to make.
        test_labels: whether to write the labels of the test images too, which are sealed.

    Raises:
        UsageError: ``out`` already exists, or cannot be written.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"--out {out} already exists; name a new folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as scratch:
            folder = Path(scratch, out.name)
            folder.mkdir(0o755)
            _write(dataset if test_labels else _sealed(dataset), folder)
            folder.rename(out)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from error


def _sealed(dataset: Dataset) -> Dataset:
    """``dataset`` without the labels of its test images."""
    unlabelled = np.full_like(dataset.test.labels, UNLABELLED)
    return replace(dataset, test=replace(dataset.test, labels=unlabelled))


def _write(dataset: Dataset, folder: Path) -> None:
    with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, split in dataset.splits.items():
            table.writerows(_write_split(split, name, dataset.classes, folder))


def _write_split(
    split: Split, name: str, classes: tuple[str, ...], folder: Path
) -> Iterator[tuple[str, str, int | str, int | str]]:
    """Write the images of a split, and yield a row of labels.csv for each."""
    digits = np.full(len(split), NO_CLASS) if split.digits is None else split.digits
    for parent in classes if name != "test" else [""]:
        (folder / name / parent).mkdir(parents=True)
    for index, (image, label, digit) in enumerate(
        zip(split.images, split.labels, digits, strict=True)
    ):
        parent = "" if name == "test" or label == UNLABELLED else f"{classes[label]}/"
        filename = f"{parent}{index:06d}.png"
        pixels = image[..., 0] if image.shape[2] == 1 else image
        Image.fromarray(pixels).save(folder / name / filename, compress_level=1)
        yield name, filename, _cell(label, UNLABELLED), _cell(digit, NO_CLASS)


def _cell(value: np.int64, unknown: int) -> int | str:
    return "" if value == unknown else int(value)

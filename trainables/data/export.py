"""Any set written as a folder in the course's form, with a ``labels.csv``."""

import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data.dataset import UNLABELLED, Dataset, Split
from trainables.data.labels_file import COLUMNS, LABELS_FILE


def export(dataset: Dataset, out: Path) -> None:
    """Write ``train/CLASS/*.png``, ``val/CLASS/*.png``, ``test/*.png`` and ``labels.csv``.

    PNG keeps every pixel, and labels.csv the order, so that reading ``out`` gives the same arrays.
    The folder appears under its name only when it is whole.

    Raises:
        UsageError: ``out`` is there already, or cannot be written.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"--out {out} is there already; name a folder that is not")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as scratch:
            folder = Path(scratch, out.name)
            folder.mkdir(0o755)
            _write(dataset, folder)
            folder.rename(out)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written ({error.strerror})") from error


def _write(dataset: Dataset, folder: Path) -> None:
    with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, split in dataset.splits.items():
            table.writerows(_write_split(split, name, dataset.classes, folder))


def _write_split(
    split: Split, name: str, classes: tuple[str, ...], folder: Path
) -> Iterator[tuple[str, str, int, int | str]]:
    """Write the images of a split, yielding a row of labels.csv for each."""
    for parent in classes if name != "test" else [""]:
        (folder / name / parent).mkdir(parents=True)
    for index, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        parent = "" if name == "test" or label == UNLABELLED else f"{classes[label]}/"
        filename = f"{parent}{index:06d}.png"
        Image.fromarray(image).save(folder / name / filename, compress_level=1)
        digit = "" if split.digits is None else int(split.digits[index])
        yield name, filename, int(label), digit

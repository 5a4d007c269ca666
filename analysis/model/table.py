"""Write predictions as lines for a terminal, and as CSV."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np

from analysis.model.runtime import Probabilities
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError, printable

COLUMNS = ("file", "class", "confidence")
_WIDTH = 80
_SHOWN = 0.0005  # a smaller probability would be shown as 0.0%


def lines(
    files: Sequence[str], probabilities: Probabilities, classes: Sequence[str]
) -> Iterator[str]:
    """A line for each file (class, confidence, name), then its other classes, likeliest first.

    The lines of other classes fit into 80 columns; the name of a file is never broken.
    """
    names = list(map(printable, classes))
    column = min(max(map(len, names)), 40)
    for file, each in zip(files, probabilities, strict=True):
        order = np.argsort(-each, kind="stable")
        best, others = order[0], [i for i in order[1:] if each[i] >= _SHOWN]
        yield f"{names[best]:{column}} {each[best]:6.1%}  {printable(file)}"
        text = ", ".join(f"{names[i]} {each[i]:.1%}" for i in others) or "no other above 0.0%"
        yield from wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ")


def counts(probabilities: Probabilities, classes: Sequence[str]) -> str:
    """The number of images of each class, the most frequent first."""
    found = Counter(probabilities.argmax(axis=1).tolist()).most_common()
    return printable(", ".join(f"{classes[index]} {number:,}" for index, number in found))


def write_csv(
    path: Path, files: Sequence[str], probabilities: Probabilities, classes: Sequence[str]
) -> None:
    """Write a row for each file atomically: name, class, confidence, and every class's probability.

    Raises:
        UsageError: ``path`` cannot be written.
    """
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([*COLUMNS, *classes])
    for file, each in zip(files, probabilities, strict=True):
        numbers = [f"{value:.6g}" for value in each.tolist()]
        best = int(each.argmax())
        rows.writerow([file, classes[best], numbers[best], *numbers])
    try:
        with atomic_file(path) as out:  # bytes of a name that are not UTF-8 stay unchanged
            out.write(text.getvalue().encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(f"--out: {path} cannot be written ({error.strerror})") from error

"""The spurious attribute of a folder's images: the class that each image's attribute points to.

It is read from a CSV file with the column ``filename`` (relative to the data folder, such as
``train/cat/001.png``) and the attribute's column. A value points to the class of the same name, to
the class that ``agrees`` gives it, or, if it is a whole number and no class's name, to the class
with that index. An empty value, and one that ``agrees`` gives no class, points to none.
"""

import csv
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, WithJsonSchema

from trainables.boundary.errors import UsageError
from trainables.boundary.validation import STRICT, validated
from trainables.data.dataset import NO_CLASS

FILENAME, COLUMN = "filename", "value"
MOST = 64 * 2**20  # bytes of a CSV file: enough for a million images


def _importable(name: str) -> str:
    if name and not all(name.partition(":")):
        raise ValueError(f"must be MODULE:FUNCTION, not {name!r}")
    return name


_LONGEST = 24
_AMBIGUOUS = (COLUMN, "class", "digit", "image", "label", "network", "picture", "target")

_MEANINGS = TypeAdapter(dict[str, str | None], config=STRICT)


def _pairs(written: Any) -> Any:
    """A mapping as pairs, the form in which it is stored."""
    if isinstance(written, dict):
        return tuple((value, to or "") for value, to in _MEANINGS.validate_python(written).items())
    pairs = written or ()
    if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) for p in pairs):
        raise ValueError("must be a mapping from values to classes, such as {red: cat, blue: dog}")
    return tuple(map(tuple, pairs))


def _four(region: Any) -> Any:
    if region is not None and (not isinstance(region, list | tuple) or len(region) != 4):
        raise ValueError("must be four whole numbers, [top, left, bottom, right]")
    return region


def _square(region: Any) -> Any:
    top, left, bottom, right = region
    if not (top < bottom and left < right):
        raise ValueError(
            f"{list(region)} is empty; "
            "write [top, left, bottom, right]; bottom and right are one more than the last pixel"
        )
    return region


_Side = Annotated[int, Field(ge=0)]
_PIXELS = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}


@validated
class Shortcut:
    """The source of each image's attribute, and the meaning of its values.

    Attributes:
        csv: the file, absolute or relative to the data folder; empty with a ``callable``.
        column: the attribute's column.
        callable: ``package.module:function``, which maps an image's file name, relative to the data
            folder, to its value; empty with a ``csv``.
        agrees: pairs of a value and the class that it points to; an empty class means none.
        region: top, left, bottom and right of the rectangle that shows the attribute, in pixels of
            the images in training; bottom and right are exclusive. None if unknown.

    Raises:
        UsageError: csv and callable are both given or both missing, or the region is invalid.
    """

    csv: str = ""
    column: str = ""
    callable: Annotated[str, AfterValidator(_importable)] = ""
    agrees: Annotated[
        tuple[tuple[str, str], ...], BeforeValidator(_pairs), WithJsonSchema({"type": "object"})
    ] = ()
    region: (
        Annotated[
            tuple[_Side, _Side, _Side, _Side],
            Field(strict=False),
            BeforeValidator(_four),
            AfterValidator(_square),
            WithJsonSchema(_PIXELS),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if bool(self.csv) is bool(self.callable) or bool(self.csv) is not bool(self.column):
            raise ValueError("give csv and column, or callable, such as {csv: FILE, column: NAME}")

    @property
    def noun(self) -> str:
        """The name of the attribute in texts: its column or function, or ``shortcut``.

        It is ``shortcut`` if the name has more than ``_LONGEST`` characters or special characters,
        or could be confused with the object of the classification.
        """
        name = " ".join((self.column or self.callable.partition(":")[2]).replace("_", " ").split())
        plain = re.fullmatch(r"[^\W\d][\w -]*", name) and len(name) <= _LONGEST
        return name if plain and name.lower() not in _AMBIGUOUS else "shortcut"


def read_attribute(shortcut: Shortcut, root: Path, classes: tuple[str, ...]) -> dict[str, int]:
    """The class index, or ``NO_CLASS``, that the attribute of each listed image points to.

    Args:
        shortcut: a shortcut with a csv.
        root: the data folder.
        classes: class names by index.

    Raises:
        UsageError: the file is missing, too large or damaged, or a value points to no known class.
    """
    if shortcut.callable:  # a record could name any function
        raise UsageError(
            f"shortcut.callable {shortcut.callable} is run only by searches of its space"
        )
    path = root / shortcut.csv
    for value, name in shortcut.agrees:
        if name and name not in classes:
            raise UsageError(
                f"shortcut.agrees: {value} points to {name!r}, which is {_no(classes)}"
            )
    if not path.is_file():
        raise UsageError(f"shortcut.csv: {path} does not exist; name a file, relative to --data")
    if path.stat().st_size > MOST:
        raise UsageError(f"shortcut.csv: {path} is larger than {MOST:,} bytes")
    return _rows(path, shortcut, classes)


def _rows(path: Path, shortcut: Shortcut, classes: tuple[str, ...]) -> dict[str, int]:
    pointed: dict[str, int] = {}
    meaning = _meaning(shortcut, classes)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            _check_columns(path, shortcut, table.fieldnames or ())
            for row in table:
                name, value = row[FILENAME], (row[shortcut.column] or "").strip()
                if name in pointed:
                    raise ValueError(f"{name} appears twice")
                pointed[name] = _class_of(value, meaning, classes, shortcut.column)
    except UsageError:
        raise
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{path}, line {table.line_num}: {error}") from error
    return pointed


def _check_columns(path: Path, shortcut: Shortcut, columns: Any) -> None:
    for column in (FILENAME, shortcut.column):
        if column not in columns:
            names = ", ".join(map(str, columns))[:200]
            raise UsageError(f"{path} has no column {column!r}; its columns are {names or 'none'}")


def _meaning(shortcut: Shortcut, classes: tuple[str, ...]) -> dict[str, int]:
    """Index of the class that each value points to, by name and by ``agrees``."""
    named = {name: index for index, name in enumerate(classes)}
    given = {value: named[to] if to else NO_CLASS for value, to in shortcut.agrees}
    python = {word.title(): given[word] for word in ("true", "false") if word in given}
    return {"": NO_CLASS, **python, **named, **given}  # Python writes True into tables


def _class_of(value: str, meaning: dict[str, int], classes: tuple[str, ...], column: str) -> int:
    if value in meaning:
        return meaning[value]
    if value.isdecimal() and len(value) < 7 and int(value) < len(classes):
        return int(value)
    raise ValueError(
        f"{column} is {value[:40]!r}, which is {_no(classes)}; "
        "give its class in shortcut.agrees, or null there for none"
    )


def _no(classes: tuple[str, ...]) -> str:
    return f"none of the classes {', '.join(classes)[:200]}"

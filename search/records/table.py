"""A table with named columns, which can be written as CSV or Parquet or become a DataFrame."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.boundary.atomic import atomic_file

if TYPE_CHECKING:
    from pandas import DataFrame

Row = Mapping[str, Any]
BOOLEAN, INTEGER, NUMBER, TEXT, TIME = "boolean", "Int64", "Float64", "string", "time"
_LARGEST = 2**63


@dataclass(frozen=True)
class DataTable:
    """A table. A value is missing if its row lacks the column or holds None.

    Attributes:
        columns: the columns in order, each with the kind of its values.
        rows: the rows, each with its values by column.
    """

    columns: dict[str, str]
    rows: list[Row]

    def write(self, path: Path) -> None:
        """Write ``path``, whole or not at all, in the format that its suffix names."""
        with atomic_file(path) as file:
            if path.suffix.lower() == ".parquet":
                self.frame().to_parquet(file, engine="pyarrow", index=False)
            else:
                file.write(self._csv().encode())

    def frame(self) -> "DataFrame":
        """The table with nullable types: integers stay integers if other rows lack a value."""
        import pandas  # takes half a second to import

        return pandas.DataFrame(
            {name: _array([row.get(name) for row in self.rows], kind) for name, kind in self._kinds}
        )

    @property
    def _kinds(self) -> Iterable[tuple[str, str]]:
        return self.columns.items()

    def _csv(self) -> str:
        text = io.StringIO(newline="")
        table = csv.writer(text)
        table.writerow(self.columns)
        table.writerows([row.get(name) for name in self.columns] for row in self.rows)
        return text.getvalue()


def _array(values: list[Any], kind: str) -> Any:
    """A pandas column, in which NaN counts as a number and not as missing."""
    import numpy
    import pandas

    if kind == TIME:
        return pandas.Series(values, dtype="datetime64[us, UTC]").array
    if kind != NUMBER:
        return pandas.array(values, dtype=kind)
    missing = numpy.array([value is None for value in values], dtype=bool)
    numbers = numpy.array([math.nan if v is None else v for v in values], dtype=float)
    return pandas.arrays.FloatingArray(numbers, missing)


def kind_of(values: Iterable[Any]) -> str:
    """The kind of a column that holds ``values``; missing values are ignored."""
    kinds = {_kind(value) for value in values if value is not None}
    if kinds == {INTEGER, NUMBER}:
        return NUMBER
    return kinds.pop() if len(kinds) == 1 else TEXT


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER if -_LARGEST <= value < _LARGEST else TEXT
    kinds = {float: NUMBER, datetime: TIME}
    return kinds.get(type(value), TEXT)


def as_kind(value: Any, kind: str) -> Any:
    """``value`` converted for a column of ``kind``."""
    if value is None:
        return None
    if kind == NUMBER:
        return float(value)
    return as_text(value) if kind == TEXT else value


def as_text(value: Any) -> str:
    """A value as a space file would write it, with characters replaced that no file can hold."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.encode(errors="replace").decode()

"""Tables to search, of three kinds, each in two halves.

``TUNING`` is for choosing between methods and their parameters, ``JUDGING`` for the published
comparison. The halves were fixed before any method was run on them.
"""

from functools import cache
from importlib import import_module
from typing import Literal

from benchmarks.searchers.table import Table

Half = Literal["tuning", "judging"]
KINDS = ("curves", "tables", "landscape")


def names(kind: str, half: str) -> tuple[str, ...]:
    """The tables of a kind in a half."""
    module = import_module(f"{__name__}.{kind}")
    chosen: tuple[str, ...] = getattr(module, half.upper())
    return chosen


@cache
def read(kind: str, name: str) -> Table:
    """Read a table.

    Raises:
        UsageError: it comes from a package that is not installed.
    """
    table: Table = import_module(f"{__name__}.{kind}").read(name)
    return table

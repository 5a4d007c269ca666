"""Run a shortcut's callable once, and write its values down.

The values become a CSV file in the cache, and data and records name that file. So a user's function
runs only where the search begins, and never when records are read.
"""

import csv
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.data.cache import cache_folder
from trainables.data.folder import Listing
from trainables.data.shortcut import COLUMN, FILENAME, Shortcut


def written_down(shortcut: Shortcut, listing: Listing) -> Shortcut:
    """``shortcut`` with a CSV file of its callable's values for the listed images.

    The callable gets each image's name relative to the data folder. It returns a text, a whole
    number, or None if the attribute points to no class.

    Raises:
        UsageError: it cannot be imported, fails, or returns something else.
    """
    function = _imported(shortcut.callable)
    rows = [
        (path, _value(function, path, shortcut.callable))
        for split in listing.splits
        for path in listing.paths(split)
    ]
    text, name = io.StringIO(), shortcut.callable.partition(":")[2]
    column = COLUMN if name == FILENAME else name
    csv.writer(text).writerows([(FILENAME, column), *rows])
    content = text.getvalue().encode()
    file = cache_folder() / f"shortcut-{hashlib.sha256(content).hexdigest()[:16]}.csv"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(file) as opened:
            opened.write(content)
    except OSError as error:
        raise UsageError(
            f"the cache {file.parent} cannot be written ({error.strerror}); make room, or name "
            "another folder in $CONVOY_CACHE"
        ) from error
    return replace(shortcut, csv=str(file), column=column, callable="")


def _imported(name: str) -> Callable[[str], Any]:
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except Exception as error:  # an imported module can raise anything
        raise UsageError(
            f"shortcut.callable {name} cannot be imported ({type(error).__name__}: {error}); "
            "write MODULE:FUNCTION, with a module in this folder or in PYTHONPATH"
        ) from error
    if not callable(found):
        raise UsageError(f"shortcut.callable {name} is not a function")
    return found  # type: ignore[no-any-return]


def _value(function: Callable[[str], Any], path: str, name: str) -> str:
    try:
        value = function(path)
    except Exception as error:  # a user's function can raise anything
        raise UsageError(
            f"shortcut.callable {name} failed on {path} ({type(error).__name__}: {error})"
        ) from error
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise UsageError(
            f"shortcut.callable {name} returned {value!r} for {path}; it must return a text, a "
            "whole number or None"
        )
    return str(value)

"""The key ``init`` of a setting: a path that workers in other folders must find too."""

from typing import Any

from trainables.boundary.paths import user_path
from trainables.recipe import RECIPE_KEYS

KEY = "init"


def with_absolute_paths(written: Any) -> Any:
    """A setting, or the domains of its keys, with absolute paths under ``init``.

    Relative paths start from the working directory, as on the command line.

    Raises:
        UsageError: a value cannot be a path.
    """
    if not isinstance(written, dict):
        return written
    return {
        key: _absolute(value) if key == KEY else with_absolute_paths(value)
        for key, value in written.items()
    }


def _absolute(written: Any) -> Any:
    if isinstance(written, list):
        return [_absolute(each) for each in written]
    if isinstance(written, dict):
        return {_absolute(path): with_absolute_paths(keys) for path, keys in written.items()}
    if not isinstance(written, str) or written == RECIPE_KEYS[KEY].off:
        return written
    return str(user_path(written, KEY))

"""The file that a benchmark leaves."""

import json
from pathlib import Path
from typing import Any

from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path


def result_file(given: str | None) -> Path | None:
    """The file of a ``--json``, or None without one; checked before minutes are spent.

    Raises:
        UsageError: its folder is not there.
    """
    if given is None:
        return None
    path = user_path(given, "--json")
    if not path.parent.is_dir():
        raise UsageError(f"--json {given}: the folder {path.parent} is not there; make it first")
    return path


def write(found: dict[str, Any], path: Path | None) -> None:
    """Write ``found``, which holds JSON values, to ``path``, if there is one."""
    if path is not None:
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

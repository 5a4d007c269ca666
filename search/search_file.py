"""``search.json``: what a search was asked to do, written before anything else of it."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainables.boundary.errors import UsageError

FILE, SPACE_FILE = "search.json", "space.yaml"
SHOWN = 5  # differences that a message names
_MISSING = "nothing"


@dataclass(frozen=True)
class SearchFile:
    """What a search was asked to do.

    Attributes:
        command: the module that was run, such as ``search.run``.
        flags: its flags, with what they stood for when it began.
        decides: all that its result follows from; empty for a group of searches.
        search_id: its own, under which MLflow's runs are found again.
    """

    command: str
    flags: dict[str, Any]
    decides: dict[str, Any]
    search_id: str

    def claim(self, folder: Path, space: Path | None) -> None:
        """Make ``folder`` with this file in it, both at once: there is none without it.

        Args:
            folder: the search's.
            space: a file to copy into it as ``space.yaml``.

        Raises:
            UsageError: it cannot be made, or is there already.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as made:
                scratch = Path(made) / "search"
                scratch.mkdir()
                (scratch / FILE).write_text(json.dumps(asdict(self), indent=2))
                if space is not None:
                    shutil.copyfile(space, scratch / SPACE_FILE)
                scratch.rename(folder)
        except OSError as error:
            raise UsageError(f"--out: {folder} cannot be made ({error.strerror})") from error


def new_id() -> str:
    """An id that no other search has."""
    return uuid.uuid4().hex


def read_search_file(folder: Path) -> SearchFile:
    """What the search in ``folder`` was asked to do.

    Raises:
        UsageError: there is no search, or its file is damaged.
    """
    path = folder / FILE
    try:
        return SearchFile(**json.loads(path.read_text()))
    except OSError as error:
        raise UsageError(
            f"--resume {folder.name}: there is no search in {folder}; give its folder's parent as "
            "--out, or begin it without --resume"
        ) from error
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"--resume {folder.name}: {path} is damaged ({error}); begin the search anew"
        ) from error


def check_unchanged(folder: Path, decides: dict[str, Any]) -> SearchFile:
    """The file of the search in ``folder``, if what its result follows from is ``decides`` still.

    Raises:
        UsageError: there is no search, or what differs.
    """
    written = read_search_file(folder)
    check_same(folder.name, written.decides, decides)
    return written


def check_same(name: str, was: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise UsageError, naming what differs, unless ``now`` decides as ``was`` did."""
    differing = list(_differences(json.loads(json.dumps(was)), json.loads(json.dumps(now)), ""))
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise UsageError(
            f"--resume {name}: changed since it began: {'; '.join(differing[:SHOWN])}{more}; "
            "change it back, or begin a new search"
        )


def _differences(was: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            inner = f"{place}.{key}".lstrip(".")
            yield from _differences(was.get(key, _MISSING), now.get(key, _MISSING), inner)
    elif was != now:
        yield f"{place} was {_short(was)}, is {_short(now)}"


def _short(value: Any) -> str:
    text = value if value is _MISSING else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

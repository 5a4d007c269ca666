"""``search.json``: the request for a search, written before any of its other files."""

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from trainables.best_epoch import ACCURACY
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError

FILE, SPACE_FILE = "search.json", "space.yaml"
MAX_DIFFERENCES = 5  # maximum number of differences in a message
_MISSING = "nothing"
# Used for a search that an earlier version recorded, whatever the defaults are now.
_UNNAMED = {"sampler": "tpe", "scheduler": "asha"}


@dataclass(frozen=True)
class SearchFile:
    """The request for a search.

    Attributes:
        command: the module that was run, such as ``search.run``.
        flags: its flags, with their meaning when the search began.
        identity: everything that determines the result, ``decides`` in the file; empty for a
            group of searches.
        search_id: the search's id, by which MLflow's runs are looked up.
        folder: absolute path of the folder when the file was written; empty in files of the first
            version.
        inode: inode of that folder; a moved folder keeps it, a copy has another.
        earlier: the budgets before the present one, in order.
    """

    command: str
    flags: dict[str, Any]
    identity: dict[str, Any]
    search_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    folder: str = field(default="", compare=False)
    inode: int = field(default=0, compare=False)
    earlier: list[dict[str, Any]] = field(default_factory=list)

    @property
    def methods(self) -> dict[str, Any]:
        """The sampler and the scheduler with which it began; for a group, as far as known."""
        settings = self.identity.get("settings", {})
        recorded = {key: settings[key] for key in _UNNAMED if key in settings}
        return recorded if "sampler" in self.flags else {**_UNNAMED, **recorded}

    @property
    def comparable(self) -> dict[str, Any]:
        """The identity, completed with metric and methods if an earlier version omitted them."""
        identity = {"metric": ACCURACY, **self.identity}
        if self.command != "search.run" or "settings" not in identity:
            return identity
        return {**identity, "settings": {**identity["settings"], **self.methods}}

    def is_in(self, folder: Path) -> bool:
        """True if the file was written for ``folder``, which may have been moved since."""
        if not self.folder:
            space = self.identity.get("space")
            return folder.name in (self.flags.get("name"), f"{self.flags.get('name')}-{space}")
        return self.inode == folder.stat().st_ino

    def located(self, folder: Path) -> "SearchFile":
        """The same request, for a search that is now in ``folder``."""
        return replace(self, folder=str(folder), inode=folder.stat().st_ino)

    def write(self, folder: Path) -> None:
        """Write the file into a search's folder, whole or not at all."""
        names = {"identity": "decides"}
        document = {names.get(key, key): value for key, value in asdict(self).items()}
        with atomic_file(folder / FILE) as file:
            file.write(json.dumps(document, indent=2).encode())

    def claim(self, folder: Path, space: Path | None) -> None:
        """Make ``folder`` with this file in it, in one step: it never exists without the file.

        Args:
            folder: the search's folder.
            space: a file to copy into it as ``space.yaml``.

        Raises:
            UsageError: the folder cannot be made, or already exists.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=folder.parent, prefix=f".{folder.name}-"
            ) as parent:
                scratch = Path(parent) / "search"
                scratch.mkdir()
                replace(self.located(scratch), folder=str(folder)).write(scratch)
                if space is not None:
                    shutil.copyfile(space, scratch / SPACE_FILE)
                scratch.rename(folder)
        except OSError as error:
            raise UsageError(f"--out: {folder} cannot be made ({error.strerror})") from error


def read_search_file(folder: Path) -> SearchFile:
    """Read the ``search.json`` in ``folder``.

    Raises:
        UsageError: there is no search, or its file is damaged.
    """
    path = folder / FILE
    try:
        document = dict(json.loads(path.read_text(encoding="utf-8")))
        return SearchFile(identity=document.pop("decides"), **document)
    except OSError as error:
        raise UsageError(
            f"--resume {folder.name}: there is no search in {folder}; give the folder that holds "
            "it as --out, or begin it without --resume"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"--resume {folder.name}: {path} is damaged ({error}); begin a new search"
        ) from error


def check_unchanged(folder: Path, identity: dict[str, Any]) -> SearchFile:
    """The ``search.json`` in ``folder``, if its identity still equals ``identity``.

    Raises:
        UsageError: there is no search, or something differs, which the message names.
    """
    search_file = read_search_file(folder)
    check_same(folder.name, search_file.comparable, identity)
    return search_file


def check_same(name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise UsageError, which names the differences, unless ``new`` equals ``old``."""
    differing = list(_differences(json.loads(json.dumps(old)), json.loads(json.dumps(new)), ""))
    if differing:
        first, more = "; ".join(differing[:MAX_DIFFERENCES]), len(differing) - MAX_DIFFERENCES
        raise UsageError(
            f"--resume {name}: changed since it began: {first}"
            f"{f' and {more} more' if more > 0 else ''}; change it back, or begin a new search"
        )


def _differences(old: Any, new: Any, place: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            inner = f"{place}.{key}".lstrip(".")
            yield from _differences(old.get(key, _MISSING), new.get(key, _MISSING), inner)
    elif old != new:
        yield f"{place} was {_short(old)}, is {_short(new)}"


def _short(value: Any) -> str:
    text = value if value is _MISSING else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

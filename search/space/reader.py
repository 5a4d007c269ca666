"""Reads a space from its YAML file."""

from pathlib import Path

from search.space.document import Document
from search.space.naming import is_name
from search.space.space import Space
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.wording import nearest
from trainables.recipe import kinds

SPACES = Path(__file__).resolve().parents[2] / "configs" / "spaces"
_SETTINGS = (("baseline",), ("guesses",), ("embedded", "fix"), ("search",))
MAX_BYTES = 100_000  # maximum size of a space file, about 25 times the largest shipped one


def available() -> list[str]:
    """The names of the space files that Convoy ships, sorted."""
    return sorted(path.stem for path in SPACES.glob("*.yaml"))


def space_file(name: str, flag: str = "--space") -> Path:
    """The file of space ``name``: a name from ``configs/spaces``, or a path that ends in .yaml.

    Args:
        name: the name or path as the user wrote it.
        flag: the flag that gave it, for errors.

    Raises:
        UsageError: there is no such space.
    """
    file = name if name.endswith((".yaml", ".yml")) else f"{SPACES / name}.yaml"
    path = user_path(file, flag)
    if Path(name).name != name and path.parent == SPACES:
        raise UsageError(f"{flag} {name}: name a space of {SPACES}, or a path that ends in .yaml")
    if not path.is_file():
        raise UsageError(
            f"space {name!r} does not exist; choose one of {', '.join(available())}"
            f"{nearest(name, available())}"
        )
    if not is_name(path.stem):
        raise UsageError(f"{flag} {name}: use only letters, digits, '_' and '-' in the file's name")
    return path


def read_space(path: Path) -> Space:
    """The validated space in ``path``.

    Raises:
        UsageError: the file or something in it is wrong; the message names the first fault.
    """
    try:
        document = Document(path, MAX_BYTES)
        if not isinstance(document.values(), dict):
            raise UsageError("must be a mapping with the key architecture and others")
        for place in _SETTINGS:
            document.take_as_text(_words(document.text("architecture")), *place)
        return document.validated(Space)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: {error}") from error


def _words(architecture: str) -> frozenset[str]:
    """The keys of a setting whose values are text."""
    known = kinds(architecture) if architecture in architectures.available() else {}
    return frozenset(key for key, kind in known.items() if kind is str)

"""A space: the YAML file that says what is searched."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from search.space.naming import is_name
from search.space.space import Space
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.validation import first_fault
from trainables.boundary.wording import nearest

SPACES = Path(__file__).resolve().parents[2] / "configs" / "spaces"
_TOO_DEEP = "is nested too deep for a space file"
MAX_BYTES = 100_000  # bytes of a space file, some 25 times what the largest here has


def available() -> list[str]:
    """Names of the space files that come with Convoy, sorted."""
    return sorted(path.stem for path in SPACES.glob("*.yaml"))


def space_file(name: str, flag: str = "--space") -> Path:
    """The file of space ``name``: a name from ``configs/spaces``, or a path that ends in .yaml.

    Args:
        name: as the user wrote it.
        flag: by which it was named, for errors.

    Raises:
        UsageError: there is no such space.
    """
    file = name if name.endswith((".yaml", ".yml")) else f"{SPACES / name}.yaml"
    path = user_path(file, flag)
    if Path(name).name != name and path.parent == SPACES:
        raise UsageError(f"{flag} {name}: name a space of {SPACES}, or a path that ends in .yaml")
    if not path.is_file():
        raise UsageError(
            f"space {name!r} is not there; choose one of {', '.join(available())}"
            f"{nearest(name, available())}"
        )
    if not is_name(path.stem):
        raise UsageError(f"{flag} {name}: use only letters, digits, '_' and '-' in the file's name")
    return path


class _Loader(yaml.SafeLoader):
    """The safe loader, which also reads 1e-3 as a number, as YAML 1.2 does.

    It refuses a key that stands twice in a mapping, where YAML silently takes the last, and
    aliases, by which a file of some lines can mean millions.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise UsageError(f"line {line}: an alias; write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(str(key.value) for key, _ in node.value)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise UsageError(f"line {node.start_mark.line + 1}: the key {twice[0]} stands twice")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_space(path: Path) -> Space:
    """The validated space in ``path``.

    Raises:
        UsageError: the file does not parse, or something in it is wrong; the first fault is named.
    """
    written = _parsed(path)
    if not isinstance(written, dict):
        raise UsageError(f"{path}: must be a mapping with the key architecture and others")
    try:
        return Space.model_validate(written)
    except RecursionError as error:
        raise UsageError(f"{path}: {_TOO_DEEP}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error)}") from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: {error}") from error


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"larger than {MAX_BYTES:,} bytes, so not a space file")
        text = path.read_text(encoding="utf-8")
        return yaml.load(text, Loader=_Loader)  # nosec B506 # it is a SafeLoader
    except RecursionError as error:
        raise UsageError(f"{path}: {_TOO_DEEP}") from error
    except Exception as error:  # PyYAML lets through what Python raises for a value and its tag
        raise UsageError(f"{path}: {error}") from error

"""Reads YAML in which the schema decides what is text: ``on``, ``007`` and ``12:30`` can be names.

Keys are always text as written, and so are values that the schema declares as text. Any other plain
word has its meaning in YAML 1.2, which has no times, dates or octal numbers.
"""

import re
from collections.abc import Set
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from trainables.boundary.errors import UsageError
from trainables.boundary.validation import first_fault

_TAG = "tag:yaml.org,2002:"
_TEXT = f"{_TAG}str"
_NUMBERS = {
    "int": r"[-+]?(0b[01_]+|0x[\da-fA-F_]+|0|[1-9][\d_]*)",
    "float": r"[-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\.\d[\d_]*([eE][-+]?\d+)?|\d+[eE][-+]?\d+"
    r"|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
}
_TOO_DEEP = "is nested too deep"
_Model = TypeVar("_Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """The safe loader, with keys as text and the numbers of YAML 1.2.

    It refuses a key that appears twice in a mapping, of which YAML silently takes the last, and
    aliases, with which a file of a few lines can mean millions.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 # PyYAML's name for what it copies on change
        first: [(tag, form) for tag, form in forms if tag in (f"{_TAG}bool", f"{_TAG}null")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise UsageError(f"line {line}: an alias; write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError(f"line {line}: a key must be a word, not a list or mapping")
            if key.value in names:
                raise UsageError(f"line {line}: the key {key.value} appears twice; remove one")
            names.add(key.value)
            key.tag = _TEXT
        return super().construct_mapping(node, deep)


for _kind, _form in _NUMBERS.items():
    _Loader.add_implicit_resolver(
        f"{_TAG}{_kind}", re.compile(f"^({_form})$"), list("-+.0123456789")
    )


class Document:
    """The content of a YAML file.

    Args:
        path: path of the file.
        largest: maximum size in bytes.

    Raises:
        UsageError: the file cannot be read, is too large, or is not YAML.
    """

    def __init__(self, path: Path, largest: int) -> None:
        try:
            if path.stat().st_size > largest:
                raise UsageError(f"larger than {largest:,} bytes, so it is not read")
            self._loader = _Loader(path.read_text(encoding="utf-8"))
            self._top = self._loader.get_single_node()
            self.values()
        except RecursionError as error:
            raise UsageError(_TOO_DEEP) from error
        except UnicodeDecodeError as error:
            raise UsageError("is not written in UTF-8; save it as UTF-8") from error
        except yaml.MarkedYAMLError as error:
            raise UsageError(_fault(error)) from error
        except Exception as error:  # PyYAML passes on what Python raises for a value and its tag
            raise UsageError(str(error)) from error

    def values(self) -> Any:
        """The file's values, with those as text that are known to be text so far."""
        return None if self._top is None else self._loader.construct_document(self._top)

    def text(self, *place: str | int) -> str:
        """The word that is written at a place; empty if there is none, or no single word."""
        node = _at(self._top, place)
        return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

    def take_as_text(self, keys: Set[str], *place: str | int) -> None:
        """Treat the values of ``keys``, also in lists, as text anywhere below ``place``."""
        _take_as_text(_at(self._top, place), keys)

    def validated(self, model: type[_Model]) -> _Model:
        """The document as a ``model``; values that the model declares as text stay as written.

        Raises:
            UsageError: the document does not fit the model; the message names the first fault.
        """
        try:
            while True:
                try:
                    return model.model_validate(self.values())
                except ValidationError as error:
                    faults = error.errors(include_url=False)
                    wanted = (f["loc"] for f in faults if f["type"] in _WANTS_TEXT)
                    if not any(_become_text(_at(self._top, place)) for place in wanted):
                        raise UsageError(first_fault(error)) from error
        except RecursionError as error:
            raise UsageError(_TOO_DEEP) from error


def _fault(error: yaml.MarkedYAMLError) -> str:
    """The place of PyYAML's fault, and what is wrong there."""
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    since = f" that begins in line {began.line + 1}" if began and began is not mark else ""
    return where + ", ".join(filter(None, (error.context and error.context + since, error.problem)))


_WANTS_TEXT = ("string_type", "literal_error")


def _at(node: Any, place: Any) -> Any:
    """The node at a place, by key or by number in a list; None if there is none."""
    for part in place:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and part in range(len(node.value)):
            node = node.value[part]
        else:
            return None
    return node


def _take_as_text(node: Any, keys: Set[str]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _take_as_text(each, keys)
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        listed = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for each in listed if key.value in keys else ():
            _become_text(each)
        _take_as_text(value, keys)


def _become_text(node: Any) -> bool:
    """Turn a word that YAML reads as something else into text; False if it is not such a word."""
    if not isinstance(node, yaml.ScalarNode) or node.tag == _TEXT:
        return False
    node.tag = _TEXT
    return True

"""The JSON schema of space files, by which editors complete them.

``python -m search.space.json_schema`` prints it.

What only a whole file shows, such as a baseline outside its ranges or a parameter that the
architecture lacks, is left to ``python -m search.run --check``.
"""

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from search.space.budget import Budget, Embedded, Source
from search.space.constraints import Limit
from search.space.domain import Range
from search.space.reader import SPACES
from search.space.space import Space
from trainables.data import DataSpec
from trainables.data.shortcut import Shortcut
from trainables.recipe import Recipe

FILE = SPACES / "space.schema.json"
Schema = dict[str, Any]
_MODELS: tuple[type[BaseModel], ...] = (Budget, Embedded, Source, Limit, Range)
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_VALUE: Schema = {"type": ["boolean", "number", "string"]}


class _Untitled(GenerateJsonSchema):
    """Without a title for each key, which only repeats it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> Schema:
    """The schema (JSON Schema 2020-12) of what a space file may hold."""
    found = Space.model_json_schema(schema_generator=_Untitled)
    kept = {model.__name__: found["$defs"][model.__name__] for model in _MODELS}
    for model in _MODELS:
        _describe(kept[model.__name__], model)
    _describe(found, Space)
    kept["Limit"] |= {"minProperties": 1, "maxProperties": 1}
    kept["Embedded"]["properties"]["fix"] |= _ref("Values")
    kept["Range"]["properties"] |= {end: {"type": "number"} for end in ("low", "high")}
    properties = found["properties"]
    for key, name in {"data": "Data", "baseline": "Values", "search": "Domains"}.items():
        properties[key] = _ref(name) | {"description": properties[key]["description"]}
    properties["guesses"]["items"] = _ref("Values")
    properties["shortcut"]["anyOf"] = [_ref("Shortcut"), {"type": "null"}]
    found["$defs"] = kept | _written()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _written() -> dict[str, Schema]:
    """What the models say of a file that has been read, but YAML writes more briefly."""
    recipe, says = {part.name: value(part) for part in fields(Recipe)}, described(Recipe)
    return {
        "Data": _data(),
        "Shortcut": _shortcut(),
        "Values": {
            "description": "A value of each key: of the recipe, or of the architecture.",
            "type": "object",
            "properties": {key: of | {"description": says[key]} for key, of in recipe.items()},
            "additionalProperties": _VALUE,
        },
        "Domains": {
            "description": "The domain of each key: of the recipe, or of the architecture.",
            "type": "object",
            "properties": {
                key: _domain(of) | {"description": says[key]} for key, of in recipe.items()
            },
            "additionalProperties": _domain(_VALUE),
        },
        "Keys": {
            "description": "Keys that exist when this option is chosen; none where it is empty.",
            "anyOf": [_ref("Domains"), {"type": "null"}],
        },
    }


def value(part: "Field[Any]") -> Schema:
    """The schema of one value of a recipe's field: its type, bounds and options."""
    of: Schema = {"type": _TYPES[type(part.default)]}
    bounds: Mapping[str, Any] = part.metadata
    if "options" in bounds:
        of["enum"] = list(bounds["options"])
    elif bounds:
        low = "exclusiveMinimum" if bounds["above"] else "minimum"
        of |= {low: bounds["low"], "maximum": bounds["high"]}
    return of


def _domain(of: Schema) -> Schema:
    """A value ``of`` this schema, a list of such, a range or options with keys of their own."""
    forms: list[Schema] = [of, {"type": "array", "items": of, "minItems": 1, "uniqueItems": True}]
    if not {"integer", "number"}.isdisjoint(_types(of)):
        ends = of if of is not _VALUE else {"type": "number"}
        forms.append(_ref("Range") | {"properties": {"low": ends, "high": ends}})
    if "string" in _types(of):
        options = {"type": "object", "additionalProperties": _ref("Keys"), "minProperties": 1}
        if "enum" in of:
            options |= {"properties": {option: _ref("Keys") for option in of["enum"]}}
            options["additionalProperties"] = False
        forms.append(options)
    return {"anyOf": forms}


def _types(of: Schema) -> set[str]:
    return {of["type"]} if isinstance(of["type"], str) else set(of["type"])


def _data() -> Schema:
    """The keys of ``data``, from the dataclass that they become."""
    hints, says = get_type_hints(DataSpec), described(DataSpec)
    properties: dict[str, Schema] = {}
    for part in (each for each in fields(DataSpec) if each.name != "shortcut"):
        options = get_args(hints[part.name])
        of: Schema = {"enum": list(options)} if options else {"type": _TYPES[type(part.default)]}
        properties[part.name] = of | {"default": part.default, "description": says[part.name]}
    return {
        "description": _summary(DataSpec),
        "type": "object",
        "properties": properties,
        "required": ["set"],
        "additionalProperties": False,
    }


def _shortcut() -> Schema:
    """The keys of ``shortcut``: a CSV file and its column, or a callable."""
    kinds: dict[str, Schema] = {
        "agrees": {"type": "object"},
        "region": {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4},
    }
    return {
        "description": _summary(Shortcut),
        "type": "object",
        "properties": {
            key: kinds.get(key, {"type": "string"}) | {"description": says}
            for key, says in described(Shortcut).items()
        },
        "oneOf": [{"required": ["csv", "column"]}, {"required": ["callable"]}],
        "additionalProperties": False,
    }


def _describe(found: Schema, model: type[BaseModel]) -> None:
    """Put what the docstring of ``model`` says beside what it says it of."""
    found["description"] = _summary(model)
    for key, text in described(model).items():
        found["properties"][key]["description"] = text


def _summary(documented: type) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def text() -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")


_ENTRY = re.compile(r"^    (\w+): (.*)$")


def described(documented: object, section: str = "Attributes") -> dict[str, str]:
    """Each name of a ``section`` of a docstring with what stands there, in one line.

    Args:
        documented: a class or function with a docstring in Google's style.
        section: the section's title, ``Attributes`` or ``Args``.
    """
    _, _, below = (inspect.getdoc(documented) or "").partition(f"\n{section}:\n")
    found: dict[str, str] = {}
    name = ""
    for line in below.split("\n\n")[0].splitlines():
        if entry := _ENTRY.match(line):
            name, found[entry[1]] = entry[1], entry[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found

"""The JSON schema of space files, with which editors complete them.

``python -m search.space.json_schema`` prints it.

It cannot find faults of a file as a whole, such as a baseline outside its ranges or a parameter
that the architecture lacks. ``python -m search.run --check`` finds these.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from search.space.budget import Budget, Embedded, Source
from search.space.constraints import Limit
from search.space.domain import Range
from search.space.methods import SCHEDULER
from search.space.reader import SPACES
from search.space.space import Space
from trainables.data import DataSpec
from trainables.data.shortcut import Shortcut
from trainables.recipe import RECIPE_KEYS, Key, Recipe

FILE = SPACES / "space.schema.json"
Schema = dict[str, Any]
_MODELS: tuple[type, ...] = (DataSpec, Shortcut, Budget, Embedded, Source, Limit, Range)
_VALUE: Schema = {"type": ["boolean", "number", "string"]}


class _Untitled(GenerateJsonSchema):
    """A generator without titles, which would only repeat each key's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> Schema:
    """The schema of a space file, as JSON Schema 2020-12."""
    document = Space.model_json_schema(schema_generator=_Untitled)
    models = {model.__name__: document["$defs"][model.__name__] for model in _MODELS}
    for model in _MODELS:
        _describe(models[model.__name__], model)
    _describe(document, Space)
    models["Limit"] |= {"minProperties": 1, "maxProperties": 1}
    models["DataSpec"]["required"] = ["set"]
    del models["DataSpec"]["properties"]["shortcut"]  # a key of the space
    del models["Shortcut"]["properties"]["agrees"]["default"]  # pairs, written as a mapping
    models["Shortcut"]["oneOf"] = [{"required": ["csv", "column"]}, {"required": ["callable"]}]
    models["Embedded"]["properties"]["fix"] |= _ref("Values")
    models["Range"]["properties"] |= {end: {"type": "number"} for end in ("low", "high")}
    properties = document["properties"]
    for of in (properties, models["Embedded"]["properties"]):
        of["scheduler"] = _SCHEDULER | {"description": of["scheduler"]["description"]}
    properties["scheduler"]["default"] = SCHEDULER
    for key, name in {"baseline": "Values", "search": "Domains"}.items():
        properties[key] = _ref(name) | {"description": properties[key]["description"]}
    properties["guesses"]["items"] = _ref("Values")
    document["$defs"] = models | _written()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


_SCHEDULER: Schema = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "additionalProperties": {"type": ["object", "null"]},
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}


def _written() -> dict[str, Schema]:
    """The forms that YAML writes more briefly than the models describe."""
    recipe = recipe_keys()
    values = {
        key: {part: of[part] for part in of if part not in ("default", "description")}
        for key, of in recipe.items()
    }
    says = {key: {"description": of["description"]} for key, of in recipe.items()}
    return {
        "Values": {
            "description": "A value for each key of the recipe or the architecture.",
            "type": "object",
            "properties": {key: of | says[key] for key, of in values.items()},
            "additionalProperties": _VALUE,
        },
        "Domains": {
            "description": "The domain of each key of the recipe or the architecture.",
            "type": "object",
            "properties": {key: _domain(of) | says[key] for key, of in values.items()},
            "additionalProperties": _domain(_VALUE),
        },
        "Switched": _named(("true", "false")),
        "Numbered": {**_OPTIONS, "propertyNames": {"pattern": r"^[-+.\deE]+$"}},
        "Keys": {
            "description": "Keys that exist only if this option is chosen; may be empty.",
            "anyOf": [_ref("Domains"), {"type": "null"}],
        },
    }


_OPTIONS: Schema = {
    "type": "object",
    "additionalProperties": {"$ref": "#/$defs/Keys"},
    "minProperties": 1,
}


def recipe_keys() -> dict[str, Schema]:
    """The schema of each recipe key's value: type, bounds, options, default and meaning."""
    keys = TypeAdapter(Recipe).json_schema(schema_generator=_Untitled)["properties"]
    says = described(Recipe)
    for name, key in RECIPE_KEYS.items():
        keys[name]["description"] = "; ".join([says[name].removesuffix("."), *_notes(key)]) + "."
    return keys  # type: ignore[no-any-return]


def _notes(key: Key) -> Iterator[str]:
    """Notes on when a key is used, and on the number that switches it off."""
    if key.of:
        rival = f"unless ``{key.of}: {RECIPE_KEYS[key.of].off}``"
        yield f"only with ``{key.of}: {key.option}``" if key.option else rival
    if key.off is not None and not isinstance(key.off, bool | str):
        yield f"{key.off:g} is off"


def _domain(of: Schema) -> Schema:
    """A value ``of`` this schema, a list of these, a range, or options with keys of their own."""
    forms: list[Schema] = [of, {"type": "array", "items": of, "minItems": 1, "uniqueItems": True}]
    if not {"integer", "number"}.isdisjoint(_types(of)):
        ends = of if of is not _VALUE else {"type": "number"}
        forms.append(_ref("Range") | {"properties": {"low": ends, "high": ends}})
    return {"anyOf": [*forms, _options(of)]}


def _options(of: Schema) -> Schema:
    """Options with keys of their own, each named by a value ``of`` this schema."""
    if "string" in _types(of):
        return _named(of["enum"]) if "enum" in of else _OPTIONS
    return _ref("Switched" if of["type"] == "boolean" else "Numbered")


def _named(options: Iterable[str]) -> Schema:
    named = {option: _ref("Keys") for option in options}
    return {**_OPTIONS, "properties": named, "additionalProperties": False}


def _types(of: Schema) -> set[str]:
    return {of["type"]} if isinstance(of["type"], str) else set(of["type"])


def _describe(document: Schema, model: type) -> None:
    """Describe the schema of ``model`` and its properties by the docstring of ``model``."""
    document["description"] = _summary(model)
    for key, text in described(model).items():
        document["properties"][key]["description"] = text


def _summary(documented: type) -> str:
    """The first paragraph of a docstring in one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def text() -> str:
    """The text of the schema's file."""
    return json.dumps(schema(), indent=2) + "\n"


_ENTRY = re.compile(r"^    (\w+): (.*)$")


def described(documented: object, section: str = "Attributes") -> dict[str, str]:
    """Each name in a ``section`` of a docstring with its description, in one line.

    Args:
        documented: a class or function with a docstring in Google's style.
        section: title of the section, ``Attributes`` or ``Args``.
    """
    _, _, below = (inspect.getdoc(documented) or "").partition(f"\n{section}:\n")
    entries: dict[str, str] = {}
    name = ""
    for line in below.split("\n\n")[0].splitlines():
        if entry := _ENTRY.match(line):
            name, entries[entry[1]] = entry[1], entry[2]
        elif name:
            entries[name] += f" {line.strip()}"
    return entries


if __name__ == "__main__":
    print(text(), end="")

"""Check values from outside with pydantic, and describe the first error in one line."""

import re
import reprlib
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any, TypeVar, dataclass_transform

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import no_info_before_validator_function

from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

# Strict: bools and texts are not numbers, an int is accepted as a float, floats must be finite.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_TYPES = {"bool": "bool", "int": "int", "float": "float", "string": "str"}
_LISTS = ("list_type", "tuple_type", "iterable_type", "sequence_str")
_MAPPINGS = ("dict_type", "model_type", "model_attributes_type", "dataclass_type")
# By pydantic's error types; a message that begins with "must" is followed by the written value.
_MEANINGS = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "finite_number": "must be a finite number",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must hold {min_length} or more",
    "too_long": "must hold {max_length} or less",
    **dict.fromkeys(_LISTS, "must be a list"),
    **dict.fromkeys((*_MAPPINGS, "dataclass_exact_type"), "must be a mapping"),
    "int_from_float": "must be of type int",
    **{
        f"{fault}_{of}": f"must be of type {kind}"
        for fault, kind in _TYPES.items()
        for of in ("type", "parsing")
    },
    **dict.fromkeys(("extra_forbidden", "unexpected_keyword_argument"), "unknown key"),
    **dict.fromkeys(("missing", "missing_argument"), "is missing"),
}
_UNQUOTED = ("bool_type", "int_type", "float_type")
_PLAIN = re.compile(r"true|false|(?![-+]?0\d)[-+]?\d*\.?\d+([eE][-+]?\d+)?")
_Kind = TypeVar("_Kind")


@dataclass_transform(frozen_default=True)
def validated(kind: type[_Kind]) -> type[_Kind]:
    """Make ``kind`` a frozen dataclass that checks its values and raises UsageError.

    As a field of another one, or of a pydantic model, it can be given as a mapping of its keys.
    """
    kind.__get_pydantic_core_schema__ = classmethod(_schema)  # type: ignore[attr-defined]
    made: Any = dataclass(frozen=True, config=STRICT)(kind)
    check: Callable[..., None] = made.__init__
    names: tuple[str, ...] = made.__match_args__

    def __init__(self: object, *args: Any, **kwargs: Any) -> None:
        try:  # by name, so that errors name the field
            check(self, *args[len(names) :], **dict(zip(names, args, strict=False)), **kwargs)
        except ValidationError as error:
            raise UsageError(first_fault(error)) from error

    made.__init__, made.__checked__ = __init__, check
    return made  # type: ignore[no-any-return]


def _schema(kind: Any, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    return no_info_before_validator_function(partial(_made, kind), handler(source))


def _made(kind: Any, written: Any) -> Any:
    """Make a ``kind`` from a mapping; a ValidationError then names the place of the error."""
    if not isinstance(written, dict):
        return written
    refuse_unknown(written, kind.__match_args__)
    made = object.__new__(kind)
    kind.__checked__(made, **written)
    return made


def refuse_unknown(written: Any, known: Iterable[str]) -> Any:
    """Return ``written`` if it is not a mapping with unknown keys.

    Raises:
        ValidationError: it has an unknown key, which the error names.
    """
    names = tuple(known)
    keys = written if isinstance(written, dict) else ()
    for key in (key for key in keys if key not in names):
        text = "unknown key" + (nearest(key, names) or f"; the keys here are {', '.join(names)}")
        fault = PydanticCustomError("unknown_key", text)
        detail = InitErrorDetails(type=fault, loc=(str(key),), input=written[key])
        raise ValidationError.from_exception_data("unknown key", [detail])
    return written


class ClosedModel(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_others(cls, written: Any) -> Any:
        return refuse_unknown(written, cls.model_fields)


def checked(kind: type[_Kind], value: Any, place: str) -> _Kind:
    """``value`` as a ``kind``, by the same rules.

    Raises:
        UsageError: it is not a valid ``kind``; the message begins with ``place``.
    """
    try:
        allowed: _Kind = _adapter(kind).validate_python(value)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UsageError(f"{place} {first_fault(error)}") from error
    return allowed


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=STRICT)


def first_fault(error: ValidationError) -> str:
    """The place and the message of pydantic's first error, in one line."""
    fault = error.errors(include_url=False)[0]
    place = [str(part) for part in fault["loc"] if part != "[key]"]
    if place and place[-1] in ("bool", "int", "float", "str"):  # one type of a union
        return f"{'.'.join(place[:-1])}: must be a number, a word or true/false"
    where, message = ".".join(place), _message(fault)
    between = " " if message.startswith("must ") else ": "
    return f"{where}{between}{message}" if where else message


def _message(fault: ErrorDetails) -> str:
    meaning = _MEANINGS.get(fault["type"])
    if meaning is None:
        return fault["msg"].removeprefix("Value error, ")
    bounds = {name: _plain(bound) for name, bound in fault.get("ctx", {}).items()}
    message, written = meaning.format(**bounds), fault["input"]
    if not message.startswith("must "):
        return message
    return message + _instead(written) + _quotes(fault["type"], written)


def _quotes(kind: str, written: Any) -> str:
    """What to do with the quotes, where they alone are wrong."""
    if kind == "string_type" and isinstance(written, int | float):
        return "; quote it"
    plain = isinstance(written, str) and _PLAIN.fullmatch(written)
    return "; write it without quotes" if plain and kind in _UNQUOTED else ""


def _plain(bound: Any) -> str:
    """A bound, or pydantic's list of options without quotes and ``or``."""
    if isinstance(bound, float):
        return f"{bound:g}"
    return str(bound).replace("'", "").replace(" or ", ", ")


def _instead(value: Any) -> str:
    """The written value, shortened."""
    if isinstance(value, int) and value.bit_length() > 128:
        return ", not a number so large"
    kinds = {list: "a list", tuple: "a list", dict: "a mapping", type(None): "empty"}
    if type(value) in kinds:
        return f", not {kinds[type(value)]}"
    return f", not {reprlib.repr(value)}" if isinstance(value, int | float | str) else ""

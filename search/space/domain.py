"""The domain of a key: a fixed value, a range, a list of values, or options with keys."""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import optuna
from pydantic import BeforeValidator, StrictBool, TypeAdapter, model_validator

from search.space.weights_path import with_absolute_paths
from trainables.boundary.validation import ClosedModel, refuse_unknown
from trainables.recipe import Value, kinds


class Range(ClosedModel):
    """Numbers from ``low`` to ``high``, both included; integers for a key of type int."""

    low: int | float
    high: int | float
    log: StrictBool = False

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            ends = f"{{low: {self.high}, high: {self.low}}}"
            instead = ends if self.low > self.high else f"the one value {self.low}"
            raise ValueError(f"low {self.low} is not below high {self.high}; write {instead}")
        if self.log and self.low <= 0:
            raise ValueError(
                f"a log range needs low above 0, not {self.low}; raise it, or leave out log"
            )
        return self

    @property
    def whole(self) -> bool:
        """True for a range of integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def contains(self, value: Value) -> bool:
        """True if ``value`` is a number within the range."""
        return not isinstance(value, str | bool) and self.low <= value <= self.high


class Values(ClosedModel):
    """One of several values, without an order."""

    options: tuple[Value, ...]


class Options(ClosedModel):
    """One of several options, each with keys of its own that exist only when it is chosen."""

    options: dict[Value, "Domains"]


class Fixed(ClosedModel):
    """One value: nothing to search."""

    value: Value


def _parse(written: Any) -> Any:
    """A domain from its form in YAML."""
    if isinstance(written, bool | int | float | str):
        return Fixed.model_construct(value=written)
    if isinstance(written, list):
        return _values(written)
    if isinstance(written, dict) and written:
        return _options(written) if _names_options(written) else _range(written)
    if isinstance(written, Range | Values | Options | Fixed):
        return written
    raise ValueError("must be a value, a list of values, {low, high[, log]}, or options with keys")


def _values(written: list[Any]) -> Values:
    if not written or not all(isinstance(option, bool | int | float | str) for option in written):
        raise ValueError("a list must name one value or more, each a number, word or true/false")
    if len({(type(option), option) for option in written}) < len(written):
        raise ValueError(f"the list {written} names a value twice")
    return Values.model_construct(options=tuple(written))


def _names_options(written: dict[Any, Any]) -> bool:
    """True for options, each with a mapping of keys or nothing; anything else means a range."""
    keys_alone = all(isinstance(keys, dict | None) for keys in written.values())
    return keys_alone and not {"low", "high"} & set(written)


def _range(written: dict[str, Any]) -> Range:
    if "step" in written:
        raise ValueError("a range has no step; list its values, such as [2, 4, 6]")
    if not {"low", "high"} & set(written):
        keys = ", ".join(map(str, written))
        raise ValueError(
            f"has the keys {keys}; write a range as {{low: 0, high: 0.5}}, values as [0, 0.5], "
            "or options as {one: {}, other: {}}"
        )
    refuse_unknown(written, Range.model_fields)
    for key in ("low", "high"):
        value = written.get(key)
        if key not in written:
            raise ValueError(f"{key} is missing; write a range as {{low: 0, high: 0.5}}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            unquoted = "; write it without quotes" if _is_number(value) else ""
            raise ValueError(f"{key} must be a number, not {value!r}{unquoted}")
        if not -_MOST <= value <= _MOST:  # NaN too
            large = "a number so large" if isinstance(value, int) else value
            raise ValueError(f"{key} must be a finite number, not {large}")
    return Range(**written)


def _is_number(written: Any) -> bool:
    return isinstance(written, str) and not isinstance(value_of(written, float), str)


def _options(written: dict[Any, Any]) -> Options:
    keys = {option: keys or {} for option, keys in written.items()}
    return Options.model_construct(options=_nested().validate_python(keys))


@cache
def _nested() -> TypeAdapter[dict[Value, "Domains"]]:
    """The adapter that checks the keys of options; it names a fault's place by the option."""
    return TypeAdapter(dict[Value, Domains])


_MOST = sys.float_info.max
Domain = Annotated[Range | Values | Options | Fixed, BeforeValidator(_parse)]
Domains = dict[str, Domain]


Options.model_rebuild()
_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def value_of(text: str, kind: type) -> Value:
    """The value of ``text`` for a key of type ``kind``; the text itself if it has none."""
    if kind is bool:
        return _SWITCHES.get(text.lower(), text)
    try:
        value: Value = kind(text)
    except ValueError:
        return text
    return value


def values_of(texts: dict[str, str], architecture: str) -> dict[str, Value]:
    """The values of ``texts``, such as those of ``--set``, for keys of recipe and architecture."""
    types = kinds(architecture)
    values = {key: value_of(text, types.get(key, str)) for key, text in texts.items()}
    return dict(with_absolute_paths(values))


def typed(domains: Domains, types: dict[str, type]) -> Domains:
    """``domains`` with the ends of ranges and the names of options in the types of their keys.

    Args:
        domains: the domains as read: ends as written, names of options as text.
        types: the type of each key.

    Raises:
        ValueError: a key that is not a number has a range, or one of type int has fractional ends.
    """
    return {key: _typed(key, domain, types) for key, domain in domains.items()}


def _typed(key: str, domain: Any, types: dict[str, type]) -> Any:
    kind = types.get(key, str)
    if isinstance(domain, Range) and key in types:
        return _typed_range(key, domain, kind)
    if isinstance(domain, Options):
        options = {
            value_of(option, kind) if isinstance(option, str) else option: typed(keys, types)
            for option, keys in domain.options.items()
        }
        if len(options) < len(domain.options):
            raise ValueError(f"{key} names an option twice: {', '.join(map(str, domain.options))}")
        return Options.model_construct(options=options)
    return domain


def _typed_range(key: str, domain: Range, kind: type) -> Range:
    if kind not in (int, float):
        example = "[true, false]" if kind is bool else "[one, other]"
        raise ValueError(f"{key} is not a number, so it has no range; list its values: {example}")
    if any(kind(end) != end for end in (domain.low, domain.high)):
        raise ValueError(f"{key} takes whole numbers, not {domain.low} to {domain.high}")
    return domain.model_copy(update={"low": kind(domain.low), "high": kind(domain.high)})


def suggest(
    domains: Domains, trial: optuna.Trial, fixed: dict[str, Value], place: str = ""
) -> dict[str, Value]:
    """Values for all keys that exist in this trial, drawn in the order of the space file.

    Optuna's name of a nested key is its place, such as ``optimizer.sgd.weight_decay``, as keys of
    the same name under different options may have different ranges.

    Args:
        domains: the domains of the space.
        trial: the Optuna trial that draws.
        fixed: values that are not drawn.
        place: prefix of the names.
    """
    chosen: dict[str, Value] = {}
    for key, domain in domains.items():
        chosen[key] = fixed[key] if key in fixed else _draw(domain, trial, place + key)
        if isinstance(domain, Options):
            inner = f"{place}{key}.{chosen[key]}."
            chosen |= suggest(domain.options[chosen[key]], trial, fixed, inner)
    return chosen


def _draw(domain: Any, trial: optuna.Trial, name: str) -> Value:
    if isinstance(domain, Fixed):
        return domain.value
    if isinstance(domain, Values | Options):
        chosen: Any = trial.suggest_categorical(name, tuple(domain.options))
        return chosen  # type: ignore[no-any-return]
    if domain.whole:
        return trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log)


def active_keys(
    domains: Domains, values: dict[str, Value], place: str = ""
) -> Iterator[tuple[str, str, Any]]:
    """Optuna's name, the key and the domain of every key that exists with ``values``' choices."""
    for key, domain in domains.items():
        yield place + key, key, domain
        if isinstance(domain, Options) and values.get(key) in domain.options:
            option = values[key]
            yield from active_keys(domain.options[option], values, f"{place}{key}.{option}.")


def check_point(domains: Domains, values: dict[str, Value], *, partial: bool = False) -> None:
    """Raise ValueError unless ``values`` is a point of the space, each key within its domain.

    A ``partial`` point may lack keys.
    """
    keys = list(active_keys(domains, values))
    for _, key, domain in keys:
        if key not in values and not partial and not isinstance(domain, Fixed):
            raise ValueError(f"{key} is missing")
        if key in values and not contains(domain, values[key]):
            raise ValueError(f"{key} is {values[key]!r}, but the space allows {_allowed(domain)}")
    if strange := set(values) - {key for _, key, _ in keys}:
        raise ValueError(f"{min(strange)} is not a key of the search with these choices")


def contains(domain: Any, value: Value) -> bool:
    """True if a key of this domain may have ``value``."""
    if isinstance(domain, Range):
        return domain.contains(value)
    return value in ((domain.value,) if isinstance(domain, Fixed) else tuple(domain.options))


def _allowed(domain: Any) -> str:
    if isinstance(domain, Range):
        return f"{domain.low} to {domain.high}"
    return str(domain.value) if isinstance(domain, Fixed) else ", ".join(map(str, domain.options))


def every_key(domains: Domains) -> Iterator[tuple[str, Any]]:
    """All keys with their domains, those under every option included."""
    for key, domain in domains.items():
        yield key, domain
        if isinstance(domain, Options):
            for nested in domain.options.values():
                yield from every_key(nested)

"""What a space says of one key: a fixed value, a range, a list of values, or nested choices."""

from collections.abc import Iterator
from typing import Annotated, Any

import optuna
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, model_validator

from trainables.recipe import Value


class Range(BaseModel):
    """Numbers from ``low`` to ``high``, both included: integers if both are written so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: int | float
    high: int | float
    log: StrictBool = False

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"a log range needs low above 0, not {self.low}")
        return self

    @property
    def whole(self) -> bool:
        """True for a range of integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def contains(self, value: Value) -> bool:
        """True if ``value`` is a number within the range."""
        return not isinstance(value, str | bool) and self.low <= value <= self.high


class Values(BaseModel):
    """One of several values, without an order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    options: tuple[Value, ...]


class Options(BaseModel):
    """One of several options, each with keys of its own that exist only when it is chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    options: dict[str, "Domains"]


class Fixed(BaseModel):
    """One value: nothing to search."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Value


def _parse(written: Any) -> Any:
    """A domain from the form that YAML gives it."""
    if isinstance(written, bool | int | float | str):
        return Fixed.model_construct(value=written)
    if isinstance(written, list):
        return _values(written)
    if isinstance(written, dict) and {"low", "high"} & set(written):
        return _range(written)
    if isinstance(written, dict) and written:
        return Options(options={str(option): keys or {} for option, keys in written.items()})
    if isinstance(written, Range | Values | Options | Fixed):
        return written
    raise ValueError("must be a value, a list of values, {low, high[, log]}, or options with keys")


def _values(written: list[Any]) -> Values:
    if not written or not all(isinstance(option, bool | int | float | str) for option in written):
        raise ValueError("a list must name one value or more, each a number, word or true/false")
    if len({(type(option), option) for option in written}) < len(written):
        raise ValueError(f"the list {written} names a value twice")
    return Values.model_construct(options=tuple(written))


def _range(written: dict[str, Any]) -> Range:
    for key in ("low", "high"):
        value = written.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key} must be a number, not {value!r}")
    return Range(**written)


Domain = Annotated[Range | Values | Options | Fixed, BeforeValidator(_parse)]
Domains = dict[str, Domain]


Options.model_rebuild()


def suggest(
    domains: Domains, trial: optuna.Trial, fixed: dict[str, Value], place: str = ""
) -> dict[str, Value]:
    """Values for all keys that exist in this trial, drawn in the order of the space file.

    Optuna knows a nested key by its place, such as ``optimizer.sgd.weight_decay``: keys of the same
    name under different options may have different ranges.

    Args:
        domains: what the space says.
        trial: the Optuna trial that draws.
        fixed: values that are not drawn.
        place: prefix of the names.
    """
    chosen: dict[str, Value] = {}
    for key, domain in domains.items():
        chosen[key] = fixed[key] if key in fixed else _draw(domain, trial, place + key)
        if isinstance(domain, Options):
            option = str(chosen[key])
            inner = f"{place}{key}.{option}."
            chosen |= suggest(domain.options[option], trial, fixed, inner)
    return chosen


def _draw(domain: Any, trial: optuna.Trial, name: str) -> Value:
    if isinstance(domain, Fixed):
        return domain.value
    if isinstance(domain, Values):
        chosen: Any = trial.suggest_categorical(name, domain.options)
        return chosen  # type: ignore[no-any-return]
    if isinstance(domain, Options):
        return str(trial.suggest_categorical(name, tuple(domain.options)))
    if domain.whole:
        return trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(name, domain.low, domain.high, log=domain.log)


def active_keys(
    domains: Domains, values: dict[str, Value], place: str = ""
) -> Iterator[tuple[str, str, Any]]:
    """Optuna's name, key and domain of every key that exists with the choices in ``values``."""
    for key, domain in domains.items():
        yield place + key, key, domain
        if isinstance(domain, Options) and str(values.get(key)) in domain.options:
            option = str(values[key])
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

"""Flat names of a task's keys, for libraries without nested keys or words.

A key's name is its place in the space, such as ``optimizer.sgd.momentum``, as in Optuna. A word
becomes its position among its domain's options.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from search.space.domain import Domains, Fixed, Options, Range, Values, active_keys
from trainables.recipe import Value


@dataclass(frozen=True)
class DrawnKey:
    """A key that is drawn, and the option under which it exists.

    Attributes:
        name: its name in the whole space.
        domain: its domain.
        parent: name of the key that must have the option; empty for a key that always exists.
        option: position of that option.
    """

    name: str
    domain: Range | Values | Options
    parent: str = ""
    option: str = ""


def places(
    domains: Domains, parent: str = "", option: str = "", prefix: str = ""
) -> Iterator[DrawnKey]:
    """All keys that are drawn, those under every option included; a parent before its children."""
    for key, domain in domains.items():
        if not isinstance(domain, Fixed):
            yield DrawnKey(prefix + key, domain, parent, option)
        if isinstance(domain, Options):
            for position, (word, nested) in enumerate(domain.options.items()):
                yield from places(nested, prefix + key, str(position), f"{prefix}{key}.{word}.")


def named(domains: Domains, values: dict[str, Value]) -> dict[str, Value]:
    """The drawn keys of a setting, by name."""
    return {
        name: values[key]
        for name, key, domain in active_keys(domains, values)
        if not isinstance(domain, Fixed)
    }


def positions(domains: Domains, values: dict[str, Value]) -> dict[str, Value]:
    """The drawn keys of a setting, by name; numbers unchanged, words as positions."""
    values_by_name = named(domains, values)
    return {
        place.name: _position(place.domain, values_by_name[place.name])
        for place in places(domains)
        if place.name in values_by_name
    }


def _position(domain: Any, value: Value) -> Value:
    return value if isinstance(domain, Range) else str(list(domain.options).index(value))


def words(domain: Values | Options) -> list[str]:
    """The positions of a domain's options."""
    return [str(position) for position in range(len(domain.options))]


def setting(domains: Domains, chosen: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """The setting that ``positions`` gives as ``chosen``, which may name more keys than exist."""
    values: dict[str, Value] = {}
    for key, domain in domains.items():
        values[key] = _value(domain, chosen.get(prefix + key))
        if isinstance(domain, Options):
            word = values[key]
            values |= setting(domain.options[word], chosen, f"{prefix}{key}.{word}.")
    return values


def _value(domain: Any, chosen: Any) -> Value:
    if isinstance(domain, Fixed):
        return domain.value
    if not isinstance(domain, Range):
        option: Value = list(domain.options)[int(chosen)]
        return option
    within = min(max(chosen, domain.low), domain.high)  # a logarithm and back may lead outside
    return round(within) if domain.whole else float(within)


def middle(domain: Range | Values | Options) -> Value:
    """A value for a key that a setting does not have, if a library needs one."""
    if not isinstance(domain, Range):
        return "0"
    low, high = domain.low, domain.high
    centre = math.sqrt(low * high) if domain.log else (low + high) / 2
    return round(centre) if domain.whole else centre

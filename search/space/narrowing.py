"""Narrows a space around a setting, which becomes its baseline, to ranges a quarter as wide."""

import math
from typing import Any

from pydantic import ValidationError

from search.space.domain import Domains, Fixed, Options, Range, Values
from search.space.space import Space
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import first_fault
from trainables.recipe import Value

SHARE = 0.25  # of a range's width, in the logarithm for a log range


def narrowed(space: Space, values: dict[str, Value]) -> Space:
    """``space`` narrowed to the neighbourhood of ``values``, which become its baseline.

    Ranges keep a quarter of their width, with the value in the middle unless it is near an end. A
    list of numbers keeps the value and its neighbours, options keep the chosen one. A key that the
    setting lacks keeps its domain.

    Raises:
        UsageError: the space does not allow the setting.
    """
    search = _narrowed(space.search, values)
    changed = {"search": search, "baseline": values, "guesses": [], "data": space.data}
    try:
        written = {key: value for key, value in space if key in space.model_fields_set}
        return Space.model_validate({**written, **changed})
    except ValidationError as error:
        fault = first_fault(error)
        raise UsageError(f"--from-run: the space does not allow its setting ({fault})") from error


def _narrowed(domains: Domains, values: dict[str, Value]) -> Domains:
    return {key: _near(domain, key, values) for key, domain in domains.items()}


def _near(domain: Any, key: str, values: dict[str, Value]) -> Any:
    if key not in values or isinstance(domain, Fixed):
        return domain
    value = values[key]
    if isinstance(domain, Range) and isinstance(value, int | float) and domain.contains(value):
        return _range(domain, value)
    if isinstance(domain, Values):
        return Values.model_construct(options=_neighbours(domain.options, value))
    if isinstance(domain, Options) and value in domain.options:
        return Options(options={value: _narrowed(domain.options[value], values)})
    return domain


def _range(domain: Range, value: float) -> Range:
    scale, back = (math.log, math.exp) if domain.log else (float, float)
    low, high = scale(domain.low), scale(domain.high)
    width = SHARE * (high - low)
    start = min(max(scale(value) - width / 2, low), high - width)
    ends = back(start), back(start + width)
    if domain.whole:
        return Range(
            low=max(int(domain.low), min(math.floor(ends[0]), int(value) - 1)),
            high=min(int(domain.high), max(math.ceil(ends[1]), int(value) + 1)),
            log=domain.log,
        )
    # The value itself stays inside, however the ends are rounded.
    return Range(
        low=float(max(domain.low, min(ends[0], value))),
        high=float(min(domain.high, max(ends[1], value))),
        log=domain.log,
    )


def _neighbours(options: tuple[Value, ...], value: Value) -> tuple[Value, ...]:
    """``value`` and its neighbours among numbers; all options if they are words or switches."""
    if value not in options or any(isinstance(each, bool | str) for each in options):
        return options
    ordered = sorted(options)
    place = ordered.index(value)
    return tuple(ordered[max(0, place - 1) : place + 2])

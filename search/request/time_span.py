"""A time as a user writes it: ``90s``, ``15m``, ``2h30m`` or ``1d12h``."""

import re
import reprlib

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_SPAN = re.compile("".join(f"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))
_MAX_DAYS = 10_000


def written(seconds: int) -> str:
    """``seconds`` as a user would write them."""
    parts = list[str]()
    for unit, size in _UNITS.items():
        if count := seconds // size:
            parts.append(f"{count}{unit}")
        seconds %= size
    return "".join(parts)


def seconds_of(text: str) -> int:
    """The number of seconds in ``text``.

    Raises:
        ValueError: ``text`` is not a duration; the message says how to write one.
    """
    match = _SPAN.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(
            f"{reprlib.repr(text)} is not a duration; write whole days, hours, minutes and seconds "
            "in this order, such as 90s, 45m, 2h30m or 1d12h"
        )
    seconds = sum(int(match[unit] or 0) * size for unit, size in _UNITS.items())
    if not 0 < seconds <= _MAX_DAYS * _UNITS["d"]:
        raise ValueError(f"{text} must be more than 0s and at most {_MAX_DAYS}d")
    return seconds

"""Writes settings, times and sizes as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainables.recipe import Value


def settings_line(values: "dict[str, Value]") -> str:
    """``key=value`` for every setting, numbers to three figures."""
    return " ".join(f"{key}={_short(value)}" for key, value in values.items())


def particular(values: "dict[str, Value]", usual: "dict[str, Value]") -> str:
    """The settings that differ from the ``usual`` ones, in the form of ``settings_line``."""
    return settings_line(unusual(values, usual)) or "no difference"


def unusual(values: "dict[str, Value]", usual: "dict[str, Value]") -> "dict[str, Value]":
    """The ``values`` that ``usual`` lacks or in which it differs.

    Keys of ``usual`` alone are left out, as they belong to options that were not chosen.
    """
    return {key: value for key, value in values.items() if usual.get(key) != value}


def duration(seconds: float) -> str:
    """``45 s``, ``2 min 05 s`` or ``1 h 02 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02} min"


def percent(share: float) -> str:
    """``49.0%``."""
    return f"{100 * share:.1f}%"


def _short(value: "Value") -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def size(count: int) -> str:
    """A number of bytes in powers of a thousand: ``812 B``, ``4.1 kB``, ``1,024.0 GB``."""
    if count < 1000:
        return f"{count} B"
    units = {"kB": 1e3, "MB": 1e6, "GB": 1e9}
    unit = next((each for each, of in units.items() if count < 999.95 * of), "GB")
    return f"{count / units[unit]:,.1f} {unit}"

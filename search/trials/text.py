"""A trial's settings and times in words."""

from trainables.recipe import Value


def settings_line(values: dict[str, Value]) -> str:
    """``key=value`` for every setting, numbers to three figures."""
    return " ".join(f"{key}={_short(value)}" for key, value in values.items())


def particular(values: dict[str, Value], usual: dict[str, Value]) -> str:
    """The settings that are not the ``usual`` ones, as ``settings_line`` has them."""
    return settings_line(unusual(values, usual)) or "nothing else"


def unusual(values: dict[str, Value], usual: dict[str, Value]) -> dict[str, Value]:
    """Those of ``values`` that ``usual`` lacks or has otherwise.

    What ``usual`` alone has is left out: it belongs to an option that was not chosen.
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


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)

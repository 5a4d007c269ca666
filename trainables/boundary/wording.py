"""Counts in messages, and suggestions for a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def counted(number: int, noun: str) -> str:
    """``1 figure``, ``1,024 figures``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def nearest(name: Any, names: Iterable[str]) -> str:
    """``; did you mean`` and the most similar of ``names``; empty if none is similar."""
    known = list(names)
    begun = [each for each in known if each.startswith(str(name))]
    close = begun or get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""

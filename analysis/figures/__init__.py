"""Figures, found by the name of their file: ``NAME.py`` with a function ``draw``.

``draw(subject: Subject) -> Drawing`` makes the figure and the numbers behind it. It is drawn on a
matplotlib Figure of its own, so that nothing is shared with pyplot or with another figure.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from analysis.subject import Subject
from trainables.errors import UsageError


@dataclass(frozen=True)
class Drawing:
    """A figure and the numbers that it shows, as JSON values."""

    figure: Figure
    numbers: dict[str, Any]


def available() -> dict[str, str]:
    """Names of all figures, sorted, each with the first line of what it shows."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: str(_module(name).__doc__).splitlines()[0] for name in names}


def drawer(name: str) -> Callable[[Subject], Drawing]:
    """The ``draw`` function of figure ``name``.

    Raises:
        UsageError: there is no such figure.
    """
    if name not in available():
        raise UsageError(f"figure {name!r} is not there; choose among {', '.join(available())}")
    draw: Callable[[Subject], Drawing] = _module(name).draw
    return draw


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")

"""Figures, found by the name of their file: ``NAME.py`` with ``GROUP`` and a function ``draw``.

``draw(subject: Subject) -> Drawing`` makes the figure, the numbers behind it and the words below
it. It is drawn on a matplotlib Figure of its own, so that nothing is shared with pyplot or with
another figure, and nothing in it is random. Where a figure does not apply to a run, ``draw`` raises
``NotApplicableError``.
"""

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from analysis.fonts import families
from analysis.look import styled
from analysis.subject import NotApplicableError, Subject
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

__all__ = [
    "GROUPS",
    "Caption",
    "Drawing",
    "NotApplicableError",
    "available",
    "drawer",
    "group",
    "naming",
]

# In the order in which a report shows them.
GROUPS = (
    "audit",
    "predictions",
    "training",
    "search",
    "data",
    "filters",
    "activations",
    "attribution",
    "synthesis",
)


@dataclass(frozen=True)
class Caption:
    """What stands below a figure, each a sentence or more.

    Attributes:
        shows: what is to be seen.
        made: how it was computed.
        limits: what it does not show.
    """

    shows: str
    made: str
    limits: str


@dataclass(frozen=True)
class Drawing:
    """A figure, the numbers that it shows, as JSON values, and its caption."""

    figure: Figure
    numbers: dict[str, Any]
    caption: Caption


def available() -> dict[str, str]:
    """Names of all figures, by group and name, each with the first line of what it shows."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    names.sort(key=lambda name: (GROUPS.index(group(name)), name))
    return {name: str(_module(name).__doc__).splitlines()[0] for name in names}


def group(name: str) -> str:
    """The group that figure ``name`` belongs to, one of ``GROUPS``."""
    return str(_module(name).GROUP)


def drawer(name: str) -> Callable[[Subject], Drawing]:
    """The ``draw`` function of figure ``name``.

    Raises:
        UsageError: there is no such figure.
    """
    if name not in available():
        known = available()
        near = nearest(name, known) or f"; choose among {', '.join(known)}"
        raise UsageError(f"figure {name!r} is not there{near}")
    return partial(_drawn, name)


def _drawn(name: str, subject: Subject) -> Drawing:
    # Settings are drawn over logarithmic axes, whose ticks are formulas; they name no class.
    with naming(subject, formulas=group(name) == "search"):
        drawing: Drawing = _module(name).draw(subject)
    return drawing


@contextmanager
def naming(subject: Subject, formulas: bool = False) -> Iterator[None]:
    """Draw in the style of all figures, in fonts that have the letters of the classes' names.

    A ``$`` begins a formula with ``formulas`` alone.
    """
    letters = families("".join(subject.figure_names))
    with styled(**{"font.family": letters, "text.parse_math": formulas}):
        yield


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")

"""Figures, found by the name of their file: ``NAME.py`` with ``GROUP`` and a function ``draw``.

``draw(subject: Subject) -> Drawing`` makes the figure, its numbers and its caption. Each figure is
a matplotlib Figure of its own, which shares nothing with pyplot or other figures. The result is
deterministic. If a figure does not apply to a run, ``draw`` raises ``NotApplicableError``.
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
    """The caption of a figure; each part is one sentence or more.

    Attributes:
        shows: one sentence on the content of the figure.
        made: how it was computed.
        limits: one sentence on what the figure cannot say.
    """

    shows: str
    made: str
    limits: str


@dataclass(frozen=True)
class Drawing:
    """A figure, its numbers as JSON values, and its caption."""

    figure: Figure
    numbers: dict[str, Any]
    caption: Caption


def available() -> dict[str, str]:
    """All figures by group and name, with the first line of their module's docstring."""
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
        raise UsageError(f"there is no figure {name!r}{near}")
    return partial(_drawn, name)


def _drawn(name: str, subject: Subject) -> Drawing:
    # Figures of the search have logarithmic axes, whose ticks are formulas, and no class names.
    with naming(subject, formulas=group(name) == "search"):
        drawing: Drawing = _module(name).draw(subject)
    return drawing


@contextmanager
def naming(subject: Subject, formulas: bool = False) -> Iterator[None]:
    """Draw in the common style, in fonts that can write the classes' names.

    A ``$`` begins a formula only if ``formulas`` is true.
    """
    letters = families("".join(subject.figure_names))
    with styled(**{"font.family": letters, "text.parse_math": formulas}):
        yield


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")

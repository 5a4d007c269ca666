"""Optuna's plots, kept from changing how everything else is drawn."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning


@dataclass
class Shown:
    """The figure that was drawn within the context.

    Attributes:
        figure: empty until the context ends.
    """

    figure: Figure = field(default_factory=Figure)


@contextmanager
def own_figure(size: tuple[float, float]) -> Iterator[Shown]:
    """Take the figure that pyplot makes within, in inches of ``size``, and leave pyplot clean.

    Optuna's functions draw with pyplot, and set a style for the whole process.
    """
    shown, before = Shown(), set(pyplot.get_fignums())
    style: Any = {"figure.figsize": size, "figure.constrained_layout.use": True}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # they have been since Optuna 2.2
        try:
            yield shown
            (made,) = set(pyplot.get_fignums()) - before
            shown.figure = pyplot.figure(made)
            shown.figure.set_size_inches(size)
        finally:
            for number in set(pyplot.get_fignums()) - before:
                pyplot.close(number)

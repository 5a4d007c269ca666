"""Optuna's plots, kept from changing how everything else is drawn."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib import pyplot
from optuna.exceptions import ExperimentalWarning


@contextmanager
def clean_pyplot(size: tuple[float, float]) -> Iterator[None]:
    """Make figures within of ``size`` inches, and leave pyplot as it was.

    Optuna's functions draw with pyplot, and set a style for the whole process.
    """
    before = set(pyplot.get_fignums())
    style: Any = {"figure.figsize": size, "figure.constrained_layout.use": True}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # they have been since Optuna 2.2
        try:
            yield
        finally:
            for number in set(pyplot.get_fignums()) - before:
                pyplot.figure(number).set_size_inches(size)
                pyplot.close(number)

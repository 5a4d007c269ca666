"""The style of figures: the meaning of each colour, and the size of the text."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps

# One colour stands for one thing, in every figure.
RIGHT, WRONG = "#1a7f37", "#c62828"
ALIGNED, CONFLICTING = "tab:orange", "tab:blue"
TRAINING, VALIDATION = "tab:brown", "#00897b"
THIS_RUN, FINALIST, TRIAL, STOPPED, BASELINE = "#7b1fa2", "#b06fca", "0.5", "0.7", "black"
PLAIN, PALE = "#5f6f80", "#c9d1da"  # for bars whose colour has no meaning
MARK = "0.35"  # lines that mark a place

# Scales of values: shares from none to all, signed values around 0, and strengths.
SHARES, SIGNED, STRENGTHS, ACCURACIES = "Blues", "RdBu_r", "magma", "viridis"

WIDTH = 9.5  # inches at most: a page of 1280 pixels shows it without making it smaller
TITLE, TEXT, SMALL = 10, 8, 7  # points: titles of panels, most text, and the smallest text
STYLE: dict[str, Any] = {
    "font.size": 9,
    "figure.titlesize": TITLE,
    "axes.titlesize": TITLE,
    "axes.labelsize": 9,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
}
_PASTEL = 12  # colours of the palette


def class_colours(classes: int) -> list[Any]:
    """One colour for each class; none of them has another meaning in the figures."""
    if classes <= _PASTEL:
        return list(colormaps["Set3"].colors[:classes])  # type: ignore[attr-defined]
    return list(colormaps["nipy_spectral"](np.linspace(0.05, 0.95, classes)))


def series_colours(count: int) -> list[Any]:
    """Colours for lines that differ in a number alone."""
    return list(colormaps[ACCURACIES](np.linspace(0, 0.87, count)))


def styled(**more: Any) -> Any:
    """A context in which matplotlib draws in this style, with ``more`` settings on top."""
    settings: Any = STYLE | more
    return matplotlib.rc_context(settings)

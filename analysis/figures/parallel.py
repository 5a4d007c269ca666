"""Parallel coordinates: the settings of every trial, coloured by their scores."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from analysis.class_names import shortened
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import ACCURACIES, SMALL, TEXT
from analysis.setting_scale import SettingScale
from analysis.study import after, common_epoch, study_of
from analysis.subject import Subject
from trainables.boundary.wording import counted

GROUP = "search"
WIDTH = 8.0  # inches
SPREAD = 0.025  # share of the axis over which lines of equal value are spread, to tell them apart


def draw(subject: Subject) -> Drawing:
    """Draw an axis for each setting that all trials have, and a line for each trial."""
    search = subject.search
    epoch = common_epoch(search)
    trials = study_of(search, after(epoch)).trials
    sets = [set(trial.params) for trial in trials]
    shared = sorted(set.intersection(*sets)) if sets else []
    if len(sets) < 2 or not shared:
        raise NotApplicableError("no two trials differ in a setting that both have")
    scales = {
        key: SettingScale.of(trials[0].distributions[key], [t.params[key] for t in trials])
        for key in shared
    }
    figure = Figure(figsize=(WIDTH, 1.8 + 0.46 * len(shared)), layout="constrained")
    figure.set_layout_engine("constrained", h_pad=0.1)
    axes = figure.subplots()
    _draw_axes(axes, scales)
    _draw_trials(axes, trials, scales)
    judged_by = subject.judged_by
    name = shortened(search.name, 32)
    axes.set_title(f"search {name}, coloured by {judged_by} after epoch {epoch}")
    rows = [{subject.run.job.metric: trial.value, **trial.params} for trial in trials]
    return Drawing(figure, {"epoch": epoch, "trials": rows}, _caption(judged_by, len(rows), epoch))


def _draw_axes(axes: Axes, scales: dict[str, SettingScale]) -> None:
    """Draw a horizontal line for each setting, with its labelled values below."""
    for row, scale in enumerate(scales.values()):
        axes.plot((0, 1), (row, row), color="0.8", linewidth=0.8, zorder=0)
        for place, text in zip(*scale.ticks, strict=True):
            axes.plot((place, place), (row - 0.08, row + 0.08), color="0.6", linewidth=0.8)
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
            style: dict[str, Any] = {"fontsize": SMALL, "ha": "center", "va": "top", "bbox": box}
            axes.text(place, row + 0.14, text, zorder=4, **style)
    axes.set_yticks(range(len(scales)), list(scales), fontsize=TEXT)
    axes.tick_params(left=False)
    axes.set(xticks=[], xlim=(-0.06, 1.06), ylim=(len(scales) - 0.3, -0.4))
    axes.spines[:].set_visible(False)


def _draw_trials(axes: Axes, trials: list[FrozenTrial], scales: dict[str, SettingScale]) -> None:
    """Draw a line for each trial, the best on top."""
    values = np.array([trial.value for trial in trials])
    norm, colours = Normalize(values.min(), values.max()), _colours()
    shifts = np.linspace(-SPREAD, SPREAD, len(trials))
    order = np.argsort(values, kind="stable")
    for rank, place in enumerate(order):
        across = [
            scale.places[trials[place].params[key]] + shifts[place] for key, scale in scales.items()
        ]
        width = 2.4 if rank == len(order) - 1 else 1.2
        colour = colours(norm(values[place]))
        axes.plot(across, range(len(scales)), "-o", color=colour, linewidth=width, markersize=3)
    axes.figure.colorbar(
        ScalarMappable(norm, colours), ax=axes, location="bottom", aspect=40, shrink=0.6, pad=0.02
    )


def _colours() -> Colormap:
    """Colours from dark to bright, without the yellows, which are hard to see on paper."""
    return ListedColormap(colormaps[ACCURACIES](np.linspace(0, 0.87, 256)))


def _caption(judged_by: str, trials: int, epoch: int) -> Caption:
    return Caption(
        f"The settings of {counted(trials, 'trial')}, one line each, coloured by the best "
        f"{judged_by} up to epoch {epoch}, which all of them completed. The best is thick.",
        "The axes are the settings that every trial has and that differ. Whole numbers and names "
        "are evenly spaced; fractions are placed by their value or, over a wide range, its "
        "logarithm. Labels are tried values. Lines of equal value are shifted slightly apart.",
        "Settings that only some trials have are missing.",
    )

"""Score of every trial against each single setting."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial

from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import BASELINE, SMALL, STYLE, THIS_RUN
from analysis.setting_scale import SettingScale
from analysis.study import NUMBER, after, common_epoch, study_of
from analysis.subject import Subject
from trainables.boundary.wording import counted

GROUP = "search"
COLUMNS = 4


def draw(subject: Subject) -> Drawing:
    """Draw a panel for each setting, including conditional ones; later trials are darker."""
    search = subject.search
    epoch = common_epoch(search)
    trials = study_of(search, after(epoch)).trials
    ranges = {key: one for trial in trials for key, one in trial.distributions.items()}
    if not ranges:
        raise NotApplicableError("no two trials differ in a setting")
    rows = -(-len(ranges) // COLUMNS)
    figure = Figure(figsize=(2.35 * COLUMNS, 2.1 * rows), layout="constrained")
    panels = np.ravel(figure.subplots(rows, COLUMNS, sharey=True, squeeze=False))
    own = search.setting_of(subject.run.run_id)
    numbers = {}
    for axes, key in zip(panels, sorted(ranges), strict=False):
        having = [trial for trial in trials if key in trial.params]
        scale = SettingScale.of(ranges[key], [trial.params[key] for trial in having])
        _draw_setting(axes, key, scale, having, own)
        numbers[key] = [[trial.params[key], trial.value] for trial in having]
    for axes in panels[len(ranges) :]:
        axes.axis("off")
    panels[0].margins(y=0.12)  # for the rings; all panels share it
    for row in range(rows):
        panels[row * COLUMNS].set_ylabel(subject.judged_by)
    return Drawing(
        figure,
        {"epoch": epoch, "settings": numbers},
        _caption(subject.judged_by, len(trials), epoch),
    )


def _draw_setting(
    axes: Axes, key: str, scale: SettingScale, trials: list[FrozenTrial], own: int | None
) -> None:
    """Draw a dot for each trial, and rings around the baseline's and this run's setting."""
    points = np.array([(scale.places[trial.params[key]], trial.value) for trial in trials])
    order = [trial.number for trial in trials]
    last = max(max(order), 1)
    dots: dict[str, Any] = {"cmap": "Greys", "vmin": -last / 3, "vmax": last, "edgecolors": "0.4"}
    axes.scatter(points[:, 0], points[:, 1], c=order, s=22, linewidths=0.6, **dots)
    for number, colour, size, width in ((0, BASELINE, 110, 0.8), (own, THIS_RUN, 60, 1.6)):
        ringed = points[[trial.user_attrs[NUMBER] == number for trial in trials]]
        ring: dict[str, Any] = {"s": size, "edgecolors": colour, "linewidths": width}
        axes.scatter(ringed[:, 0], ringed[:, 1], facecolors="none", **ring)
    where, labels = scale.ticks
    axes.set_xticks(where, labels, fontsize=SMALL)
    if max(map(len, labels)) * len(labels) > 24:
        axes.tick_params(axis="x", rotation=30)
    axes.set(xlim=(-0.15, 1.15))
    axes.set_xlabel(key, fontsize=STYLE["axes.labelsize"])
    axes.grid()


def _caption(judged_by: str, trials: int, epoch: int) -> Caption:
    return Caption(
        f"The best {judged_by} up to epoch {epoch} of {counted(trials, 'trial')} against each "
        "setting with more than one value. Later trials are darker. The purple ring is this run's "
        "setting; the black ring is the baseline.",
        "All these trials completed that epoch, so stopped trials compare fairly. Whole numbers "
        "and names are evenly spaced; fractions are placed by their value or, over a wide range, "
        "its logarithm. Labels are values that were tried.",
        "Other settings also change from point to point, so a slope here is not yet an effect.",
    )

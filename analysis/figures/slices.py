"""Accuracy of every trial against each setting by itself."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.study import after, common_epoch, study_of
from analysis.subject import Subject
from trainables.boundary.wording import counted

GROUP = "search"
COLUMNS = 4


def draw(subject: Subject) -> Drawing:
    """A panel a setting, conditional ones included; later trials are darker."""
    search = subject.search
    epoch = common_epoch(search)
    trials = study_of(search, after(epoch)).trials
    ranges = {key: one for trial in trials for key, one in trial.distributions.items()}
    if not ranges:
        raise NotApplicableError("no two trials differ in a setting")
    rows = -(-len(ranges) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 2.4 * rows), layout="constrained")
    panels = np.ravel(figure.subplots(rows, COLUMNS, sharey=True, squeeze=False))
    numbers = {}
    for axes, (key, distribution) in zip(panels, sorted(ranges.items()), strict=False):
        points = [(t.params[key], t.value, t.number) for t in trials if key in t.params]
        tried, accuracies, order = zip(*points, strict=True)
        if isinstance(distribution, CategoricalDistribution):
            tried = tuple(map(str, tried))
        axes.scatter(
            tried, accuracies, c=order, cmap="Blues", vmin=-len(trials) / 3, ec="0.4", s=25
        )
        if isinstance(distribution, FloatDistribution | IntDistribution):
            if distribution.log:
                axes.set_xscale("log")
            else:
                axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(key, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.2)
        numbers[key] = [[value, accuracy] for value, accuracy, _ in points]
    for axes in panels[len(ranges) :]:
        axes.axis("off")
    for row in range(rows):
        panels[row * COLUMNS].set_ylabel("accuracy")
    return Drawing(figure, {"epoch": epoch, "settings": numbers}, _caption(len(trials), epoch))


def _caption(trials: int, epoch: int) -> Caption:
    return Caption(
        f"The best accuracy of the first {counted(epoch, 'epoch')} of {counted(trials, 'trial')} "
        "against each setting that was tried in more than one way; later trials are darker.",
        "As recorded. All these trials had as many epochs, so that stopped ones compare fairly.",
        "Other settings change from point to point too: a slope here is not yet an effect.",
    )

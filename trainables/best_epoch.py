"""The one place that decides which epoch of a training is its best."""

from collections.abc import Mapping
from typing import Any

ACCURACY = "accuracy"  # the metric of a search that names none, and of all that older versions ran


def figure_of(metric: str) -> str:
    """The name of a ``metric``'s figure among those of an epoch; the figure is in [0, 1]."""
    return f"val_{metric}"


def in_words(metric: str) -> str:
    """A ``metric`` as sentences and axes name it."""
    names = {"auroc": "AUROC", "macro_f1": "macro F1", "worst_group": "worst-group accuracy"}
    return names.get(metric, metric.replace("_", " "))


def judged_by(metric: str) -> str:
    """``, judged by`` the ``metric``; nothing of the accuracy, which goes without saying."""
    return "" if metric == ACCURACY else f", judged by {in_words(metric)}"


def improves(figures: Mapping[str, Any], best: Mapping[str, Any], metric: str) -> bool:
    """True if an epoch's ``figures`` are better by ``metric`` than those of the ``best`` before it.

    Of equal epochs the first is the best. ``best`` is empty before the first epoch.
    """
    name = figure_of(metric)
    return bool(figures[name] > best.get(name, -1.0))

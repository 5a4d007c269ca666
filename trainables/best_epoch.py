"""Decide which epoch of a training is its best; no other module does."""

from collections.abc import Mapping
from typing import Any

ACCURACY = "accuracy"  # the metric by default, and of all searches of older versions


def figure_of(metric: str) -> str:
    """The name under which an epoch records ``metric``; its value is in [0, 1]."""
    return f"val_{metric}"


def in_words(metric: str) -> str:
    """The name of ``metric`` in sentences and on axes."""
    names = {"auroc": "AUROC", "macro_f1": "macro F1", "worst_group": "worst-group accuracy"}
    return names.get(metric, metric.replace("_", " "))


def judged_by(metric: str) -> str:
    """``, judged by`` and the ``metric``'s name; empty for the accuracy, the usual metric."""
    return "" if metric == ACCURACY else f", judged by {in_words(metric)}"


def improves(figures: Mapping[str, Any], best: Mapping[str, Any], metric: str) -> bool:
    """True if an epoch's ``figures`` are better by ``metric`` than the ``best`` figures before it.

    Of equal epochs, the first is the best. ``best`` is empty before the first epoch.
    """
    name = figure_of(metric)
    return bool(figures[name] > best.get(name, -1.0))

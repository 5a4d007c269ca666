"""Metrics to judge trainings by, besides the accuracy, found by the name of their file.

``NAME.py`` has ``MEANING``, a line for the reference, and two functions:

``score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor`` returns the score, a
float64 scalar in [0, 1] on their device; greater is better. It does not wait for the device, and
its shapes depend only on those of the logits, so that a GPU can capture it.
``images(labels: Integers, digits: Integers | None) -> float`` returns the number of images whose
share has about the score's error. It raises ValueError with the reason if the score is undefined.
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest
from trainables.data.dataset import Split
from trainables.metrics import Metric

if TYPE_CHECKING:  # reading a space does not need torch
    from torch import Tensor


def available() -> list[str]:
    """Names of all metrics, the accuracy first."""
    return [ACCURACY, *sorted(module.name for module in pkgutil.iter_modules(__path__))]


def check_name(metric: str, place: str = "metric") -> None:
    """Raise UsageError, which names ``place``, unless there is such a metric."""
    if metric not in available():
        near = nearest(metric, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"{place} {metric!r} does not exist{near}")


def images_behind(metric: str, split: Split) -> float:
    """The number of images whose share has about the error of the score on ``split``.

    Raises:
        UsageError: the score is undefined on ``split``.
    """
    if metric == ACCURACY:
        return float(len(split))
    try:
        return float(_module(metric).images(split.labels, split.digits))
    except ValueError as error:
        raise UsageError(f"metric {metric}: {error}") from error


def score(metric: str, logits: "Tensor", labels: "Tensor", digits: "Tensor | None") -> "Tensor":
    """The score by ``metric``, which is not the accuracy."""
    figure: Tensor = _module(metric).score(logits, labels, digits)
    return figure


def declared() -> tuple[Metric, ...]:
    """The declarations of all metrics except the accuracy."""
    return tuple(Metric(figure_of(name), _module(name).MEANING) for name in available()[1:])


def _module(metric: str) -> Any:
    check_name(metric)
    return import_module(f"{__name__}.{metric}")

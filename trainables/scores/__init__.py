"""What a training is judged by besides its accuracy, found by the name of its file.

``NAME.py`` has ``MEANING``, a line for the reference, and two functions:

``score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor`` is the figure, in [0, 1],
larger for the better, as a float64 scalar on their device. It does not wait for the device, and all
its shapes follow from those of the logits, so that a GPU can capture it.
``images(labels: Integers, digits: Integers | None) -> float`` says of how many images a share has
about the figure's error, and raises ValueError with the reason where the figure is undefined.
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest
from trainables.data.dataset import Split
from trainables.metrics import Metric

if TYPE_CHECKING:  # whoever reads a space has no use for torch
    from torch import Tensor


def available() -> list[str]:
    """Names of all metrics, the accuracy first."""
    return [ACCURACY, *sorted(module.name for module in pkgutil.iter_modules(__path__))]


def check_name(metric: str, place: str = "metric") -> None:
    """Raise UsageError, which says what ``place`` it is in, unless there is such a metric."""
    if metric not in available():
        near = nearest(metric, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"{place} {metric!r} does not exist{near}")


def images_behind(metric: str, split: Split) -> float:
    """How many images a share has about the error of the figure on ``split``.

    Raises:
        UsageError: nothing in ``split`` can be judged by it.
    """
    if metric == ACCURACY:
        return float(len(split))
    try:
        return float(_module(metric).images(split.labels, split.digits))
    except ValueError as error:
        raise UsageError(f"metric {metric}: {error}") from error


def score(metric: str, logits: "Tensor", labels: "Tensor", digits: "Tensor | None") -> "Tensor":
    """The figure of ``metric``, which is not the accuracy."""
    figure: Tensor = _module(metric).score(logits, labels, digits)
    return figure


def declared() -> tuple[Metric, ...]:
    """The figures of all metrics but the accuracy."""
    return tuple(Metric(figure_of(name), _module(name).MEANING) for name in available()[1:])


def _module(metric: str) -> Any:
    check_name(metric)
    return import_module(f"{__name__}.{metric}")

"""The schedulers, found by the names of their files: ``NAME.py`` with ``OPTIONS`` and ``create``.

``OPTIONS`` is the model of the options that a space may give the scheduler.
``create(budget: Budget, seed: int, options: OPTIONS, metric: str) -> Stopper`` returns a scheduler
for Tune. It judges by the metric, can load the trials of a resumed search, and names the epochs at
which it decides.
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from search.space.budget import Budget, Strict
from search.space.methods import SCHEDULER
from trainables.best_epoch import ACCURACY
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import first_fault
from trainables.boundary.wording import nearest

if TYPE_CHECKING:  # this imports Ray, which takes a second
    from search.proposals.protocols import Stopper

DEFAULT = SCHEDULER
SHARED = ("grace_epochs", "reduction_factor")  # options that are also in a budget


def available() -> list[str]:
    """The names of all schedulers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def create(
    name: str,
    budget: Budget,
    seed: int = 0,
    options: dict[str, Any] | None = None,
    metric: str = ACCURACY,
) -> "Stopper":
    """The scheduler ``name`` for a search with ``budget`` and ``seed``, which judges trials by
    ``metric``.

    Raises:
        UsageError: there is no such scheduler, or it has no such options.
    """
    check(name, options)
    own = settings(name, budget, options)
    scheduler: Stopper = _module(name).create(budget, seed, own, metric)
    return scheduler


def settings(name: str, budget: Budget, options: dict[str, Any] | None = None) -> Strict:
    """All options of the scheduler ``name``; those that are also in a budget come from there."""
    shared = {key: getattr(budget, key) for key in SHARED if key in _options(name).model_fields}
    return _options(name).model_validate({**(options or {}), **shared})


def check(name: str, options: dict[str, Any] | None = None, place: str = "scheduler") -> None:
    """Check that the scheduler ``name`` exists and has the ``options`` that ``place`` gives it.

    Raises:
        UsageError: it does not exist, or has no such options.
    """
    check_name(name, place)
    if not options:
        return
    if not _options(name).model_fields:
        raise UsageError(f"{place}: {name} takes no options; leave out {', '.join(options)}")
    try:
        _options(name).model_validate(options)
    except ValidationError as error:
        raise UsageError(f"{place}.{name}.{first_fault(error)}") from error


def check_name(name: str, place: str = "scheduler") -> None:
    """Raise UsageError, whose message begins with ``place``, unless scheduler ``name`` exists."""
    if name not in available():
        near = nearest(name, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"{place} {name!r} does not exist{near}")


def budget_of(options: dict[str, Any], budget: Budget) -> Budget:
    """``budget`` with the keys that a scheduler's ``options`` replace."""
    return budget.model_copy(update={key: options[key] for key in SHARED if key in options})


def remark(name: str, budget: Budget) -> str:
    """A remark if no trial is stopped early because of the grace; else empty."""
    text = budget.remark
    return text if text and "grace_epochs" in _options(name).model_fields else ""


def _options(name: str) -> type[Strict]:
    options: type[Strict] = _module(name).OPTIONS
    return options


def _module(name: str) -> Any:
    check_name(name)
    return import_module(f"{__name__}.{name}")

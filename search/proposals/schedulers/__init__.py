"""Schedulers, found by the name of their file: ``NAME.py`` with a function ``create``.

``create(budget: Budget) -> Stopper`` returns one of Tune's schedulers that can learn of the trials
of a search that is resumed.
"""

import pkgutil
from importlib import import_module

from search.proposals.protocols import Stopper
from search.space.budget import Budget
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

DEFAULT = "asha"


def available() -> list[str]:
    """Names of all schedulers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def create(name: str, budget: Budget) -> Stopper:
    """The scheduler ``name`` for a search of ``budget``.

    Raises:
        UsageError: there is no such scheduler.
    """
    check(name)
    scheduler: Stopper = import_module(f"{__name__}.{name}").create(budget)
    return scheduler


def check(name: str) -> None:
    """Raise UsageError unless there is a scheduler ``name``."""
    if name not in available():
        near = nearest(name, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"scheduler {name!r} does not exist{near}")

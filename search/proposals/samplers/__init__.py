"""Samplers, found by the name of their file: ``NAME.py`` with a function ``create``.

``create(seed: int, startup: int) -> SeededSampler`` returns an Optuna sampler that draws the first
``startup`` trials of a search at random.
"""

import pkgutil
from abc import abstractmethod
from importlib import import_module

from optuna.samplers import BaseSampler

from search.space.methods import SAMPLER
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

DEFAULT = SAMPLER


class SeededSampler(BaseSampler):
    """An Optuna sampler whose draws for a trial follow from the search's seed and its number."""

    @abstractmethod
    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial of a number from now on."""


def available() -> list[str]:
    """Names of all samplers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def create(name: str, seed: int, startup: int) -> SeededSampler:
    """The sampler ``name`` for a search of ``seed`` that begins with ``startup`` random trials.

    Raises:
        UsageError: there is no such sampler.
    """
    check(name)
    sampler: SeededSampler = import_module(f"{__name__}.{name}").create(seed, startup)
    return sampler


def check(name: str, place: str = "sampler") -> None:
    """Raise UsageError, which says that ``place`` names it, unless there is a sampler ``name``."""
    if name not in available():
        near = nearest(name, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"{place} {name!r} does not exist{near}")

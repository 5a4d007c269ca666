"""The samplers, found by the names of their files: ``NAME.py`` with a function ``create``.

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
    """An Optuna sampler whose draws follow from the search's seed and the trial's number."""

    @abstractmethod
    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial ``number`` from now on."""


def available() -> list[str]:
    """The names of all samplers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def create(name: str, seed: int, startup: int) -> SeededSampler:
    """The sampler ``name`` for a search with ``seed`` that begins with ``startup`` random trials.

    Raises:
        UsageError: there is no such sampler.
    """
    check(name)
    sampler: SeededSampler = import_module(f"{__name__}.{name}").create(seed, startup)
    return sampler


def check(name: str, place: str = "sampler") -> None:
    """Raise UsageError, whose message begins with ``place``, unless sampler ``name`` exists."""
    if name not in available():
        near = nearest(name, available()) or f"; choose one of {', '.join(available())}"
        raise UsageError(f"{place} {name!r} does not exist{near}")

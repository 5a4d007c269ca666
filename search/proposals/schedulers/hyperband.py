"""Asynchronous Hyperband (Li et al. 2018, 2020): brackets of ASHA, each with a longer grace.

The first rungs of successive halving stop settings that learn slowly. Here some trials climb
ladders without these rungs.
"""

from pydantic import Field

from search.proposals.schedulers.asha import AshaOptions, AshaScheduler
from search.space.budget import Budget


class HyperbandOptions(AshaOptions):
    """The options of ASHA, and the number of brackets.

    Attributes:
        brackets: number of ladders, each without the first rung of the one before; a ladder without
            rungs is the last, and its trials are trained to the end.
    """

    brackets: int = Field(default=3, ge=1)


OPTIONS = HyperbandOptions


def create(budget: Budget, seed: int, options: HyperbandOptions, metric: str) -> AshaScheduler:
    """The scheduler of a search."""
    return AshaScheduler(budget, options.brackets, seed, metric)

"""Asynchronous Hyperband (Li et al. 2018, 2020): brackets of ASHA, each with a longer grace.

A setting that learns slowly is stopped by the first rungs of successive halving. Here some trials
climb ladders without those rungs.
"""

from pydantic import Field

from search.proposals.schedulers.asha import AshaOptions, AshaScheduler
from search.space.budget import Budget


class HyperbandOptions(AshaOptions):
    """ASHA's, and how many brackets there are.

    Attributes:
        brackets: ladders of which each lacks the first rung of the one before; the last that can
            differ has none, and its trials are trained to the end.
    """

    brackets: int = Field(default=3, ge=1)


OPTIONS = HyperbandOptions


def create(budget: Budget, seed: int, options: HyperbandOptions, metric: str) -> AshaScheduler:
    """The scheduler of a search."""
    return AshaScheduler(budget, options.brackets, seed, metric)

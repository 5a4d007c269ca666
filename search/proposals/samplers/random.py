"""Draws every value at random from its domain; the reference for the other samplers."""

from optuna.samplers import RandomSampler

from search.proposals.samplers import SeededSampler
from trainables.seeding import derive


class SeededRandom(RandomSampler, SeededSampler):
    """Random draws that begin from a seed of their own for each trial."""

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial ``number`` from now on."""
        self._rng.rng.seed(derive(search_seed, "sampler", number) % 2**32)


def create(seed: int, startup: int) -> SeededRandom:
    """The sampler of a search."""
    return SeededRandom(seed=seed)

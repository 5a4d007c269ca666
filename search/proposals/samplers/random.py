"""Every value at random from its domain: what the other samplers are measured against."""

from optuna.samplers import RandomSampler

from search.proposals.samplers import SeededSampler
from trainables.seeding import derive


class SeededRandom(RandomSampler, SeededSampler):
    """Random draws for a trial that begin from a seed of its own."""

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial of a number."""
        self._rng.rng.seed(derive(search_seed, "sampler", number) % 2**32)


def create(seed: int, startup: int) -> SeededRandom:
    """The sampler of a search."""
    return SeededRandom(seed=seed)

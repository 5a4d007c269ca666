"""The tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's own."""

from optuna.samplers import TPESampler

from search.proposals.samplers import SeededSampler
from trainables.seeding import derive


class SeededTPE(TPESampler, SeededSampler):
    """TPE whose draws for a trial begin from a seed of its own.

    A new sampler a trial would do the same in twice the time: it would fill its caches anew.
    """

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial of a number."""
        seed = derive(search_seed, "sampler", number) % 2**32
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)


def create(seed: int, startup: int) -> SeededTPE:
    """The sampler of a search."""
    return SeededTPE(seed=seed, n_startup_trials=startup)

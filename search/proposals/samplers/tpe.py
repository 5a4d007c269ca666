"""Optuna's tree-structured Parzen estimator (Bergstra et al. 2011)."""

from optuna.samplers import TPESampler

from search.proposals.samplers import SeededSampler
from trainables.seeding import derive


class SeededTPE(TPESampler, SeededSampler):
    """TPE whose draws begin from a seed of their own for each trial.

    A new sampler for each trial would take twice the time, as it would fill its caches again.
    """

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial ``number`` from now on."""
        seed = derive(search_seed, "sampler", number) % 2**32
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)


def create(seed: int, startup: int) -> SeededTPE:
    """The sampler of a search."""
    return SeededTPE(seed=seed, n_startup_trials=startup)

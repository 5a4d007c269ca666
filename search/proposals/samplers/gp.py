"""A Gaussian process with expected improvement (Jones et al. 1998), Optuna's own, to which a trial
that was stopped counts at its expected final value."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from optuna.distributions import BaseDistribution
from optuna.samplers import GPSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial
from scipy.stats import norm, rankdata

from search.proposals.expected_final import expected_finals
from search.proposals.samplers import SeededSampler, tpe
from trainables.seeding import derive

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
MOST_TRIALS = 200  # a draw from more of them takes more than 100 ms


class SeededGP(GPSampler, SeededSampler):
    """A Gaussian process over the keys that every trial has; TPE draws those of a choice alone.

    Optuna's own leaves stopped trials out, which in a search with ASHA are most of them. Here each
    is worth what it would probably have reached, see ``expected_finals``, and the process learns
    the normal scores of these values: their ranks alone, so that settings that failed to learn do
    not flatten the differences between good ones. Trials that break a constraint rank last, by how
    much they break it.

    The process is fitted anew for every trial, as the kernel of an earlier one would not be known
    to a search that is resumed. From ``MOST_TRIALS`` on TPE draws all keys.
    """

    def __init__(self, seed: int, startup: int) -> None:
        self._tpe = tpe.create(seed, startup)
        super().__init__(
            seed=seed,
            independent_sampler=self._tpe,
            n_startup_trials=startup,
            warn_independent_sampling=False,
        )
        self._intersection_search_space = IntersectionSearchSpace(include_pruned=True)

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial of a number."""
        self._rng.rng.seed(derive(search_seed, "process", number) % 2**32)
        self._tpe.begin(search_seed, number)
        self._gprs_cache_list = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The keys that are drawn together."""
        if len(_trials(study, ENDED)) > MOST_TRIALS:
            return self._tpe.infer_relative_search_space(study, trial)
        return super().infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Their values."""
        ended = _trials(study, ENDED)
        if len(ended) > MOST_TRIALS:
            return self._tpe.sample_relative(study, trial, search_space)
        fixed = trial.system_attrs.get("fixed_params", {})  # of a point, or of a trial recalled
        if len(ended) < self._n_startup_trials or search_space.keys() <= fixed.keys():
            return {}
        running = _trials(study, (TrialState.RUNNING,))
        known = [each for each in running if search_space.keys() <= each.params.keys()]
        try:
            with _one_thread():
                return self._sample_relative_impl(study, _scored(ended), known, search_space)
        except torch.linalg.LinAlgError:  # of trials too much alike; TPE draws each key by itself
            return {}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch on one thread: the matrices are small, and several threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _trials(study: Study, states: tuple[TrialState, ...]) -> list[FrozenTrial]:
    """The study's trials in an order that is the same in a search that is resumed."""
    trials = study.get_trials(deepcopy=False, states=states)
    return sorted(trials, key=lambda trial: repr(sorted(trial.params.items())))


def _scored(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The trials with their normal scores for values, and without constraints."""
    finals = expected_finals([trial.intermediate_values for trial in trials])
    excesses = [sum(max(0.0, excess) for excess in trial.constraints.values()) for trial in trials]
    return [
        create_trial(params=trial.params, distributions=trial.distributions, value=score)
        for trial, score in zip(trials, _normal_scores(finals, excesses), strict=True)
    ]


def _normal_scores(values: list[float], excesses: list[float]) -> list[float]:
    """The normal quantile of each rank: those that exceed a bound rank below all others."""
    least = min(values)
    merits = [
        v if excess == 0 else least - excess for v, excess in zip(values, excesses, strict=True)
    ]
    scores: list[float] = norm.ppf((rankdata(merits) - 0.5) / len(merits)).tolist()
    return scores


def create(seed: int, startup: int) -> SeededGP:
    """The sampler of a search."""
    return SeededGP(seed, startup)

"""Optuna's Gaussian process with expected improvement (Jones et al. 1998); a stopped trial counts
with its expected final value."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from optuna._gp.gp import GPRegressor
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import GPSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from search.proposals.expected_final import expected_finals
from search.proposals.samplers import SeededSampler, tpe
from trainables.seeding import derive

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
MOST_TRIALS = 100  # with more, a draw of one of gap5's settings takes over 100 ms
MOST_VALUES = 10**6  # values of an integer key, all of which Optuna's process lists


class SeededGP(GPSampler, SeededSampler):
    """A Gaussian process over the keys that every trial has. TPE draws the keys that exist only
    with some choice, and integers from ranges too wide to list.

    Optuna's own process ignores stopped trials, which are most trials in a search with ASHA. Here
    each counts with the value that it would probably have reached, see ``expected_finals``. The
    process learns the normal scores of these values, which only depend on their ranks, so that
    settings that failed to learn do not flatten the differences between good ones. Trials that
    break a constraint rank below the others, by how much they break it, and failed trials rank
    last: without a value, such settings would be tried again and again.

    The prior of the lengthscales grows with the number of keys (Hvarfner et al. 2024, "Vanilla
    Bayesian Optimization Performs Great in High Dimensions"): with Optuna's own prior the process
    tries corner after corner of a space of twenty keys.

    The process is fitted again for every trial, as a resumed search would not know the kernel of
    an earlier fit. From ``MOST_TRIALS`` on, TPE draws all keys.
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
        self._log_prior = _log_prior

    def begin(self, search_seed: int, number: int) -> None:
        """Draw for the trial ``number`` from now on."""
        self._rng.rng.seed(derive(search_seed, "process", number) % 2**32)
        self._tpe.begin(search_seed, number)
        self._gprs_cache_list = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The keys that are drawn together."""
        if _count(study) > MOST_TRIALS:
            return self._tpe.infer_relative_search_space(study, trial)
        space = super().infer_relative_search_space(study, trial)
        return {name: domain for name, domain in space.items() if not _is_wide(domain)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The values of these keys."""
        ended = _count(study)
        if ended > MOST_TRIALS:
            return self._tpe.sample_relative(study, trial, search_space)
        fixed = trial.system_attrs.get("fixed_params", {})  # from a point or a recalled trial
        if ended < self._n_startup_trials or search_space.keys() <= fixed.keys():
            return {}
        known, running = (
            [trial for trial in each if search_space.keys() <= trial.params.keys()]
            for each in (
                _trials(study, *ENDED, TrialState.FAIL),
                _trials(study, TrialState.RUNNING),
            )
        )
        try:
            with torch.device("cpu"), _one_thread():
                return self._sample_relative_impl(study, _scored(known), running, search_space)
        except LinAlgError:  # the trials are too similar; TPE then draws each key by itself
            return {}


def _is_wide(domain: BaseDistribution) -> bool:
    """True for a range of more integers than the process can list."""
    return isinstance(domain, IntDistribution) and domain.high - domain.low > MOST_VALUES


def _log_prior(process: GPRegressor) -> torch.Tensor:
    """The log prior of the kernel: log-normal lengthscales, Optuna's priors of scale and noise."""
    inverse_squares = process.inverse_squared_lengthscales
    location = math.sqrt(2) + math.log(len(inverse_squares)) / 2
    lengthscales = -((-torch.log(inverse_squares) / 2 - location) ** 2).sum() / (2 * 3)
    scale = torch.log(process.kernel_scale) - process.kernel_scale
    noise = 0.1 * torch.log(process.noise_var) - 30 * process.noise_var
    return lengthscales + scale + noise


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: the matrices are small, and threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _count(study: Study) -> int:
    """The number of trials that ended without a failure."""
    return len(study.get_trials(deepcopy=False, states=ENDED))


def _trials(study: Study, *states: TrialState) -> list[FrozenTrial]:
    """The study's trials, in an order that stays the same after a search is resumed."""
    trials = study.get_trials(deepcopy=False, states=states)
    return sorted(trials, key=lambda trial: repr(sorted(trial.params.items())))


def _scored(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The trials with the normal quantiles of their ranks as values, without constraints."""
    from scipy.stats import norm, rankdata  # imported late: half a second, while trials train

    ranks = rankdata(_merits(trials))
    return [
        create_trial(params=trial.params, distributions=trial.distributions, value=score)
        for trial, score in zip(trials, norm.ppf((ranks - 0.5) / len(ranks)).tolist(), strict=True)
    ]


def _merits(trials: list[FrozenTrial]) -> list[float]:
    """Values to rank: expected finals; below them minus the constraints' excess; last, failures."""
    ended = [trial for trial in trials if trial.state in ENDED]
    finals = expected_finals([trial.intermediate_values for trial in ended])
    merits = dict(zip([trial.number for trial in ended], finals, strict=True))
    for trial in ended:
        excess = sum(max(0.0, each) for each in trial.constraints.values())
        if excess > 0:
            merits[trial.number] = min(finals) - excess
    return [merits.get(trial.number, -math.inf) for trial in trials]


def create(seed: int, startup: int) -> SeededGP:
    """The sampler of a search."""
    return SeededGP(seed, startup)

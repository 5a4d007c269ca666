"""Turn a recorded search into an Optuna study in memory, for Optuna's own analyses."""

import math
from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.trials import RecordedSearch, RecordedTrial

NUMBER = "number"  # user attribute: a trial's number in the search, as the study leaves some out
WIDE = 20  # a positive range with a larger ratio of its ends gets a logarithmic scale


def study_of(
    search: RecordedSearch, value: Callable[[RecordedTrial], float | None]
) -> optuna.Study:
    """A study of the trials for which ``value`` returns a number; greater is better.

    Settings that are the same in all these trials are left out. Ranges span the values tried.

    Args:
        search: the recorded search.
        value: the value of a trial; None leaves the trial out.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pairs = [(trial, result) for t in search.trials for trial, result in [(t, value(t))]]
    known = [(trial, result) for trial, result in pairs if result is not None]
    ranges = _ranges([trial.record.values for trial, _ in known])
    study = optuna.create_study(direction="maximize", study_name=search.name)
    for trial, result in known:
        params = {
            key: _as(ranges[key], v) for key, v in trial.record.values.items() if key in ranges
        }
        own = {key: ranges[key] for key in params}
        attributes = {NUMBER: trial.record.number}
        study.add_trial(
            optuna.create_trial(
                params=params, distributions=own, value=result, user_attrs=attributes
            )
        )
    return study


def after(epoch: int) -> Callable[[RecordedTrial], float | None]:
    """A function: the best score in a trial's first ``epoch`` epochs; None for shorter trials."""

    def value(trial: RecordedTrial) -> float | None:
        early = [score for number, score in trial.scores if number <= epoch]
        return max(early) if len(early) >= epoch else None

    return value


def _ranges(settings: list[dict[str, Any]]) -> dict[str, BaseDistribution]:
    keys = {key: None for values in settings for key in values}
    tried = {key: [values[key] for values in settings if key in values] for key in keys}
    return {key: _range(values) for key, values in tried.items() if len(set(values)) > 1}


def _range(values: list[Any]) -> BaseDistribution:
    if any(isinstance(value, bool | str) for value in values):
        return CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = min(values), max(values)
    log = low > 0 and high / low > WIDE
    if all(isinstance(value, int) for value in values):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _as(distribution: BaseDistribution, value: Any) -> Any:
    """The value in the type of its distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return str(value)
    return value if isinstance(distribution, IntDistribution) else float(value)


def common_epoch(search: RecordedSearch) -> int:
    """The epoch after which trials are compared: the first rung, or the last of the shortest trial.

    Stopped trials had fewer epochs. A comparison of their best score with that of whole trainings
    would show which trials were stopped, not which settings are good.
    """
    reached = [len(trial.scores) for trial in search.trials if trial.scores]
    first = min(search.rungs, default=math.inf)
    return int(min(first, min(reached, default=0))) if reached else 0

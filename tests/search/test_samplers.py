"""What holds of every sampler that is found by the name of its file."""

import pytest
from optuna.trial import TrialState

from search.proposals import samplers
from search.proposals.study import BoundedStudy
from trainables.boundary.errors import UsageError


def draws(sampler: str, seed: int, skipped: int = 0) -> list[tuple[float, str]]:
    """What twelve trials draw; the first of them, ``skipped``, are recalled with their values."""
    study, drawn = BoundedStudy(seed, 4, [], sampler=sampler), []
    earlier = draws(sampler, seed)[:skipped] if skipped else []
    for turn in range(12):
        if turn < skipped:
            point = dict(zip(("lr", "optimizer"), earlier[turn], strict=True))
            number, trial = turn, study.ask_for(turn, point)
        else:
            number, trial = study.ask()
        lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
        drawn.append((lr, trial.suggest_categorical("optimizer", ["adam", "sgd"])))
        study.report(number, 1, -abs(lr - 0.1))
        state = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)[number % 3]
        study.tell(number, state, -abs(lr - 0.1) if state == TrialState.COMPLETE else None)
    return drawn


@pytest.mark.parametrize("sampler", samplers.available())
def test_a_sampler_draws_the_same_from_the_same_seed(sampler):
    assert draws(sampler, 3) == draws(sampler, 3)


@pytest.mark.parametrize("sampler", samplers.available())
def test_a_sampler_draws_something_else_from_another_seed(sampler):
    assert draws(sampler, 3) != draws(sampler, 4)


@pytest.mark.parametrize("sampler", samplers.available())
def test_a_sampler_that_is_resumed_draws_what_it_would_have_drawn(sampler):
    assert draws(sampler, 3, skipped=7) == draws(sampler, 3)


def test_a_sampler_that_does_not_exist_is_refused_with_the_names_of_the_others():
    with pytest.raises(UsageError, match=r"'none' does not exist; choose one of random, tpe"):
        samplers.check("none")

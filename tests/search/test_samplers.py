"""What holds of every sampler and every scheduler that is found by the name of its file."""

from types import SimpleNamespace

import pytest
from optuna.trial import TrialState
from ray.tune.schedulers import TrialScheduler

from search.proposals.explore import Explore, samplers, schedulers
from search.proposals.study import BoundedStudy
from search.space.budget import Budget
from search.space.reader import read_space, space_file
from trainables.boundary.errors import UsageError

BUDGET = Budget(trials=4, epochs=4, grace_epochs=2, reduction_factor=2, finalists=0)


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


def test_a_space_names_its_sampler_and_scheduler():
    space = read_space(space_file("gap5")).model_copy(update={"scheduler": "never"})
    with pytest.raises(UsageError, match=r"scheduler 'never' does not exist; choose one of asha"):
        Explore(space, {})


def trial(number: int) -> SimpleNamespace:
    config = {"number": number, "values": {"schedule": "constant"}}
    return SimpleNamespace(trial_id=str(number), config=config)


@pytest.mark.parametrize("name", schedulers.available())
def test_a_scheduler_trains_the_baseline_to_its_last_epoch(name):
    scheduler, baseline = schedulers.create(name, BUDGET), trial(0)
    scheduler.on_trial_add(None, baseline)
    results = [{"epoch": epoch, "val_accuracy": 0.1} for epoch in (1, 2, 3)]
    decisions = {scheduler.on_trial_result(None, baseline, each) for each in results}
    assert decisions == {TrialScheduler.CONTINUE}


@pytest.mark.parametrize("name", schedulers.available())
def test_a_scheduler_recalls_nothing_of_a_search_that_has_not_begun(name):
    assert schedulers.create(name, BUDGET).recall([]) == set()

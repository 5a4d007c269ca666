"""What a study keeps when it is replaced by a smaller one, and what nobody may notice of that."""

import pickle

import optuna
import pytest
from optuna.trial import TrialState

from search.proposals.study import BoundedStudy
from trainables.seeding import derive

POINTS = [{"x": 0.5}, {"x": 0.25, "kind": "b"}]


def space(trial: optuna.Trial) -> dict:
    values = {"x": trial.suggest_float("x", 0, 1), "kind": trial.suggest_categorical("kind", "ab")}
    return values | ({"y": trial.suggest_int("y", 1, 9)} if values["kind"] == "b" else {})


def bounded(seed: int = 0, points=POINTS, max_trials=12, carried=8, best=3) -> BoundedStudy:
    return BoundedStudy(seed, 4, points, max_trials, carried, best, sampler="tpe")


def whole(study: BoundedStudy, value: float | None = None) -> tuple[int, dict]:
    """One trial from start to end."""
    number, trial = study.ask()
    values = space(trial)
    value = values["x"] if value is None else value
    study.report(number, 1, value)
    study.tell(number, TrialState.COMPLETE, value)
    return number, values


def values_of(study: BoundedStudy) -> list[float]:
    return [trial.value for trial in study.study.trials]


def test_below_the_bound_it_draws_what_optuna_draws_with_a_sampler_seeded_for_each_trial():
    plain, expected = optuna.create_study(direction="maximize"), []
    for number in range(40):
        if number < len(POINTS):
            plain.enqueue_trial(POINTS[number])
        seed = derive(5, "sampler", number) % 2**32
        plain.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
        trial = plain.ask()
        expected.append(space(trial))
        plain.tell(trial, expected[-1]["x"])
    study = bounded(5, max_trials=50)
    assert [whole(study)[1] for _ in range(40)] == expected


def test_it_never_holds_more_trials_than_its_bound():
    study, sizes = bounded(), []
    for _ in range(60):
        whole(study)
        sizes.append(len(study.study.trials))
    assert max(sizes) == 12
    assert min(sizes[12:]) == 9


def test_numbers_go_on_counting():
    study = bounded()
    assert [whole(study)[0] for _ in range(40)] == list(range(40))


def test_the_best_are_kept_and_all_in_their_order():
    study = bounded()
    told = [0.1, 0.9, 0.2, 0.8, 0.7, 0.3, 0.11, 0.21, 0.31, 0.4, 0.5, 0.6]
    for value in told:
        whole(study, value)
    study.ask()
    kept = values_of(study)[:-1]
    assert len(kept) == 8
    assert {0.9, 0.8, 0.7} <= set(kept)
    assert kept == [value for value in told if value in kept]


def test_of_the_others_early_and_late_ones_are_kept_alike():
    early = total = 0
    for seed in range(40):
        study = bounded(seed, points=[], max_trials=20, carried=10, best=0)
        for number in range(100):
            whole(study, number / 100)
        kept = [value for value in values_of(study) if value < 0.8]  # the latest are all there yet
        early, total = early + sum(value < 0.4 for value in kept), total + len(kept)
    # Of 40 + 40 trials equally many of each half: a share of 1/2, within 4 standard deviations.
    assert abs(early / total - 0.5) < 4 * 0.5 / total**0.5


def test_whole_trials_are_kept_before_stopped_ones_and_longer_before_shorter():
    study = bounded(carried=4, best=4)
    ends = [*[(1, 0.9, False)] * 8, (3, 0.2, False), (3, 0.4, False), (4, 0.1, True), (1, 0.95, 0)]
    for epochs, value, completed in ends:
        number, trial = study.ask()
        space(trial)
        study.report(number, epochs, value)
        state = TrialState.COMPLETE if completed else TrialState.PRUNED
        study.tell(number, state, value if completed else None)
    study.ask()
    assert values_of(study)[:-1] == [0.2, 0.4, 0.1, 0.95]


def test_failed_trials_are_forgotten():
    study = bounded()
    for number in range(12):
        if number % 2:
            whole(study)
        else:
            study.tell(study.ask()[0], TrialState.FAIL)
    study.ask()
    states = [trial.state for trial in study.study.trials]
    assert states == [TrialState.COMPLETE] * 6 + [TrialState.RUNNING]


def test_a_trial_that_runs_meanwhile_ends_in_the_new_study_with_all_it_reported():
    study = bounded()
    slow, trial = study.ask()
    values = space(trial)
    study.report(slow, 1, 0.3)
    for _ in range(30):
        whole(study)
    study.report(slow, 2, 0.4)
    study.tell(slow, TrialState.PRUNED)
    (found,) = [t for t in study.study.trials if t.state == TrialState.PRUNED]
    assert found.intermediate_values == {1: 0.3, 2: 0.4}
    assert found.params == values


def test_points_that_wait_are_not_lost():
    points = [{"x": number / 100, "kind": "a"} for number in range(30)]
    study = bounded(points=points)
    assert [whole(study)[1]["x"] for _ in range(30)] == [point["x"] for point in points]


def test_an_epoch_that_is_reported_again_keeps_its_first_value():
    study = bounded()
    number, _ = study.ask()
    study.report(number, 1, 0.3)
    study.report(number, 1, 0.7)
    assert study.reported(number) == {1: 0.3}


def test_the_same_seed_draws_the_same_trials_beyond_the_bound_and_another_others():
    def drawn(seed: int) -> list[dict]:
        study = bounded(seed)
        return [whole(study)[1] for _ in range(40)]

    assert drawn(3) == drawn(3)
    assert drawn(3)[20:] != drawn(4)[20:]


@pytest.mark.parametrize("told", [5, 11, 30])
def test_a_pickled_study_goes_on_as_the_one_it_was_made_of(told):
    study = bounded()
    running, trial = study.ask()
    space(trial)
    for _ in range(told):
        whole(study)
    copy = pickle.loads(pickle.dumps(study))
    assert [whole(copy) for _ in range(20)] == [whole(study) for _ in range(20)]
    copy.report(running, 1, 0.5)
    assert copy.reported(running) == {1: 0.5}


def test_trials_that_break_a_constraint_are_forgotten_before_those_that_hold_it():
    study = bounded(carried=6, best=6)
    for number in range(12):
        asked, trial = study.ask()
        space(trial)
        breaks, value = number % 2 == 1, 0.9 if number % 2 else 0.1
        study.report(asked, 1, value)
        study.constrain(asked, {"digit_following": 0.1 if breaks else -0.1})
        study.tell(asked, TrialState.COMPLETE, value)
    study.ask()
    assert values_of(study)[:-1] == [0.1] * 6

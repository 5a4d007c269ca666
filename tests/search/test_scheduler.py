"""ASHA's rungs, and the baseline that they do not stop."""

from types import SimpleNamespace

import pytest
from made_up import history, spec
from ray.tune.schedulers import TrialScheduler

from search.proposals.schedulers.asha import AshaScheduler
from search.space.budget import Budget
from search.trials.failure import FAILED

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE


@pytest.fixture
def asha():
    return AshaScheduler(Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3))


def decisions(asha, number: int, accuracies: list[float], guessed: bool = False) -> list[str]:
    config = {"number": number, "values": {}, "guessed": guessed}
    trial = SimpleNamespace(trial_id=str(number), config=config)
    asha.on_trial_add(None, trial)
    return [
        asha.on_trial_result(None, trial, {"epoch": e, "val_accuracy": a})
        for e, a in enumerate(accuracies, start=1)
    ]


def test_a_trial_below_the_top_third_of_its_rung_is_stopped(asha):
    for number, accuracy in [(1, 0.5), (2, 0.6), (3, 0.7)]:
        decisions(asha, number, [accuracy])
    assert decisions(asha, 4, [0.2]) == [STOP]
    assert decisions(asha, 5, [0.9]) == [CONTINUE]


def test_between_rungs_a_trial_goes_on(asha):
    for number in (1, 2, 3):
        decisions(asha, number, [0.5, 0.5, 0.5])
    assert decisions(asha, 4, [0.9, 0.0])[1] == CONTINUE


def test_the_baseline_goes_on_where_another_trial_is_stopped(asha):
    for number in (1, 2, 3):
        decisions(asha, number, [0.9, 0.9, 0.9])
    assert decisions(asha, 0, [0.1] * 8) == [CONTINUE] * 8
    assert decisions(asha, 4, [0.1]) == [STOP]


def test_the_baseline_counts_on_the_rungs(asha):
    decisions(asha, 0, [0.8])
    decisions(asha, 1, [0.5])
    assert decisions(asha, 2, [0.6]) == [STOP]


def test_every_trial_ends_at_the_budget(asha):
    assert decisions(asha, 0, [0.9] * 9)[-1] == STOP


def test_a_budget_shorter_than_the_grace_is_one_rung():
    short = AshaScheduler(Budget(trials=2, epochs=1, grace_epochs=5))
    assert decisions(short, 1, [0.5]) == [STOP]


def test_a_guess_goes_on_where_another_trial_is_stopped(asha):
    for number in (1, 2, 3):
        decisions(asha, number, [0.9, 0.9, 0.9])
    assert decisions(asha, 4, [0.1] * 9, guessed=True) == [CONTINUE] * 8 + [STOP]
    assert decisions(asha, 5, [0.2]) == [STOP]


def test_a_guess_counts_on_the_rungs(asha):
    decisions(asha, 1, [0.8], guessed=True)
    assert decisions(asha, 2, [0.6]) == [STOP]


def test_the_rungs_are_those_of_the_budget(asha):
    for ladder in asha._brackets:
        assert [milestone for milestone, _ in ladder._rungs] == [9, 3, 1]


def recalled(number: int, accuracies: list[float], start: float):
    return history(spec(number, {"schedule": "cosine"}), accuracies, "interrupted", start)


def test_the_rungs_are_as_they_were_after_a_recall(asha):
    first = AshaScheduler(Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3))
    ended = {1: [0.5], 2: [0.6, 0.6, 0.6], 3: [0.7] * 9}
    for number, accuracies in ended.items():
        decisions(first, number, accuracies)
        result = {"epoch": len(accuracies), "val_accuracy": accuracies[-1]}
        first.on_trial_complete(None, SimpleNamespace(trial_id=str(number)), result)
    asha.recall([recalled(n, accuracies, 100.0 * n) for n, accuracies in ended.items()])
    rungs = [ladder._rungs for ladder in asha._brackets]
    assert rungs == [ladder._rungs for ladder in first._brackets]


def test_a_recall_tells_which_trials_end_where_they_stand(asha):
    told = [
        recalled(0, [0.1] * 3, 0),  # the baseline goes on
        recalled(1, [0.9] * 9, 100),  # at the budget's end
        recalled(2, [0.8], 200),
        recalled(3, [0.2], 300),  # below the others that had come to its rung
        recalled(4, [0.2, 0.3], 50),  # came there when only the baseline had
    ]
    assert asha.recall(told) == {"1", "3"}


def test_a_trial_that_reports_its_failure_is_stopped_and_leaves_no_mark(asha):
    trial = SimpleNamespace(trial_id="1", config={"number": 1, "values": {}})
    asha.on_trial_add(None, trial)
    result = {"epoch": 0, "val_accuracy": float("nan"), FAILED: "it broke"}
    assert asha.on_trial_result(None, trial, result) == STOP
    asha.on_trial_complete(None, trial, result)
    assert all(not recorded for _, recorded in asha._brackets[0]._rungs)

"""ASHA's rungs, and the baseline that they do not stop."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ray.tune.schedulers import TrialScheduler

from search.proposals.schedulers.asha import ANNEALED, AshaScheduler
from search.space.budget import Budget
from search.trials.failure import FAILED
from search.trials.files import History
from search.trials.record import TrialRecord
from search.trials.spec import Job, Task
from trainables.data import DataSpec
from trainables.optimization import optimizer_of, schedule_of
from trainables.recipe import Recipe

JOB = Job("gap5", DataSpec(), "embedded", None, None, 9, 0, 1)
STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE


@pytest.fixture
def asha():
    return AshaScheduler(Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3))


def decisions(
    asha, number: int, accuracies: list[float], schedule: str = "cosine", repeats: int | None = None
) -> list[str]:
    config = {"number": number, "values": {"schedule": schedule}, "repeats": repeats}
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


def test_a_finalists_training_goes_to_its_end_where_a_trial_is_stopped(asha):
    for number in (1, 2, 3):
        decisions(asha, number, [0.9, 0.9, 0.9])
    assert decisions(asha, 10, [0.1] * 9, repeats=1) == [CONTINUE] * 8 + [STOP]


def test_a_finalists_training_counts_on_no_rung(asha):
    before = [dict(rung[1]) for ladder in asha._brackets for rung in ladder._rungs]
    decisions(asha, 10, [0.9] * 9, repeats=1)
    assert [dict(rung[1]) for ladder in asha._brackets for rung in ladder._rungs] == before


def test_a_finalists_training_that_ends_or_goes_disturbs_nothing(asha):
    config = {"number": 10, "values": {}, "repeats": 1}
    trial = SimpleNamespace(trial_id="x", config=config)
    asha.on_trial_add(None, trial)
    asha.on_trial_complete(None, trial, {"epoch": 9, "val_accuracy": 0.5})
    asha.on_trial_remove(None, trial)
    assert decisions(asha, 1, [0.5]) == [CONTINUE]


def test_the_baseline_counts_on_the_rungs(asha):
    decisions(asha, 0, [0.8])
    decisions(asha, 1, [0.5])
    assert decisions(asha, 2, [0.6]) == [STOP]


def test_every_trial_ends_at_the_budget(asha):
    assert decisions(asha, 0, [0.9] * 9)[-1] == STOP


def test_a_budget_shorter_than_the_grace_is_one_rung():
    short = AshaScheduler(Budget(trials=2, epochs=1, grace_epochs=5))
    assert decisions(short, 1, [0.5]) == [STOP]


def test_annealed_trials_are_compared_with_annealed_ones_alone(asha):
    for number in (1, 2, 3):
        decisions(asha, number, [0.6], "constant")
    assert decisions(asha, 4, [0.3], "one_cycle") == [CONTINUE]
    assert decisions(asha, 5, [0.2], "cosine") == [STOP]
    assert decisions(asha, 6, [0.5], "halving") == [STOP]


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "constant", "halving"])
def test_a_schedule_is_annealed_if_its_rate_ends_near_nothing(schedule):
    recipe = Recipe(schedule=schedule, lr=0.1, halve_every=5)
    optimizer = optimizer_of(recipe, torch.nn.Linear(2, 2))
    rates = schedule_of(recipe, optimizer, 20, 10)
    for _ in range(199):
        optimizer.step()
        rates.step()
    assert (rates.get_last_lr()[0] < 0.001) is (schedule in ANNEALED)


def test_the_ladder_follows_from_the_setting_and_not_from_chance(asha):
    import numpy as np

    before = np.random.get_state()[1].copy()
    decisions(asha, 1, [0.5], "constant")
    decisions(asha, 2, [0.5], "one_cycle")
    assert (np.random.get_state()[1] == before).all()


def test_the_rungs_are_those_of_the_budget(asha):
    for ladder in asha._brackets:
        assert [milestone for milestone, _ in ladder._rungs] == [9, 3, 1]


def history(number: int, accuracies: list[float], start: float, schedule="cosine") -> History:
    """A trial that reported ``accuracies``, an epoch a second from ``start`` on."""
    values = {"schedule": schedule}
    records = [TrialRecord(str(number), number, values, "", at=start)]
    for epoch, accuracy in enumerate(accuracies, start=1):
        records.append(records[-1].after(epoch, {"val_accuracy": accuracy}, start + epoch))
    task = Task(JOB, number, values)
    return History(Path(), task, tuple(records), "interrupted", "", start)


def test_the_rungs_are_as_they_were_after_a_recall(asha):
    first = AshaScheduler(Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3))
    ended = {1: [0.5], 2: [0.6, 0.6, 0.6], 3: [0.7] * 9}
    for number, accuracies in ended.items():
        decisions(first, number, accuracies)
        result = {"epoch": len(accuracies), "val_accuracy": accuracies[-1]}
        first.on_trial_complete(None, SimpleNamespace(trial_id=str(number)), result)
    asha.recall([history(n, accuracies, 100.0 * n) for n, accuracies in ended.items()])
    rungs = [ladder._rungs for ladder in asha._brackets]
    assert rungs == [ladder._rungs for ladder in first._brackets]


def test_a_recall_tells_which_trials_end_where_they_stand(asha):
    told = [
        history(0, [0.1] * 3, 0),  # the baseline goes on
        history(1, [0.9] * 9, 100),  # at the budget's end
        history(2, [0.8], 200),
        history(3, [0.2], 300),  # below the others that had come to its rung
        history(4, [0.2, 0.3], 50),  # came there when only the baseline had
    ]
    assert asha.recall(told) == {"1", "3"}


def test_a_trial_that_reports_its_failure_is_stopped_and_leaves_no_mark(asha):
    trial = SimpleNamespace(trial_id="1", config={"number": 1, "values": {}})
    asha.on_trial_add(None, trial)
    result = {"epoch": 0, "val_accuracy": float("nan"), FAILED: "it broke"}
    assert asha.on_trial_result(None, trial, result) == STOP
    asha.on_trial_complete(None, trial, result)
    assert all(not recorded for _, recorded in asha._brackets[1]._rungs)

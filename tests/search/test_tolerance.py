"""How far two trainings of one setting may lie apart."""

import math

import numpy as np
import pytest
from made_up import JOB
from scipy.stats import binom

from search.reproduce.tolerance import Tolerance, tolerance
from search.trials.record import TrialRecord
from search.trials.spec import TrialSpec


def finalist(**changed) -> dict:
    return {"trial_id": "a", "val_accuracy_std": 0.003, "seeds": 3, **changed}


def allowed(trial_id: str, summary: dict) -> Tolerance:
    record = TrialRecord(TrialSpec(JOB, 0, {}), trial_id, best={"val_accuracy": 0.7})
    return tolerance(record, 500, summary)


def test_it_is_two_standard_errors_of_a_difference_of_two_counts():
    error = math.sqrt(2 * binom(500, 0.7).var()) / 500
    assert allowed("a", {}).score == pytest.approx(2 * error)


def test_one_pair_in_twenty_of_one_spread_lies_further_apart():
    """Drawn, not computed: accuracies of seeds that scatter by three points."""
    pairs = np.random.default_rng(0).normal(0.7, 0.03, (100_000, 2))
    tolerance = allowed("a", {"finalists": [finalist(val_accuracy_std=0.03)]})
    beyond = np.mean(np.abs(pairs[:, 0] - pairs[:, 1]) > tolerance.score)
    assert beyond == pytest.approx(0.05, abs=0.01)


def test_the_spread_over_a_finalists_seeds_stands_before_the_guess():
    others = [finalist(trial_id="b", val_accuracy_std=0.5), finalist()]
    found = allowed("a", {"finalists": others})
    assert found.score == pytest.approx(2 * math.sqrt(2) * 0.003)
    assert "3 seeds" in found.because


def test_the_spread_is_that_of_every_training_of_the_setting():
    summary = {"finalists": [finalist(runs=["a1", "a2", "a3"])]}
    of_run, of_trial = (allowed(trial_id, summary) for trial_id in ("a2", "a"))
    assert of_run == of_trial
    assert allowed("b1", summary) == allowed("b1", {})


@pytest.mark.parametrize(
    "finalists",
    [
        None,
        [],
        {},
        "text",
        [None],
        [finalist(trial_id="other")],
        [finalist(seeds=1)],
        [finalist(val_accuracy_std=0.0)],
        [finalist(val_accuracy_std=None)],
        [finalist(val_accuracy_std=float("nan"))],
    ],
)
def test_a_summary_that_tells_no_spread_of_the_trial_leaves_the_guess(finalists):
    assert allowed("a", {"finalists": finalists}) == allowed("a", {})

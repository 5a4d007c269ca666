"""Bounds on the shortcut's figures, and the interval by which a winner must hold them."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.stats import binom

from search.space.constraints import (
    Constraints,
    Limit,
    bootstrap,
    excesses,
    images_behind,
    measurable,
    unmeasured,
    violation,
)
from trainables.data.dataset import Split

ATMOST = {"digit_following": Limit(max=0.08)}


@pytest.mark.parametrize(("share", "excess"), [(0.05, -0.03), (0.08, 0.0), (0.2, 0.12)])
def test_a_most_is_exceeded_by_what_is_above_it(share, excess):
    assert Limit(max=0.08).excess(share) == pytest.approx(excess)


@pytest.mark.parametrize(("share", "excess"), [(0.7, -0.1), (0.5, 0.1)])
def test_a_least_is_exceeded_by_what_is_below_it(share, excess):
    assert Limit(min=0.6).excess(share) == pytest.approx(excess)


def test_the_end_of_the_interval_that_is_nearer_to_breaking_counts():
    assert Limit(max=0.5).worst(0.2, 0.6) == pytest.approx(0.1)
    assert Limit(min=0.5).worst(0.2, 0.6) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "written",
    [
        {"digit_following": {"max": 0.1, "min": 0.0}},
        {"digit_following": {}},
        {"digit_following": {"max": 1.5}},
        {"digit_following": {"max": "0.1"}},
        {"digit_following": {"most": 0.1}},
        {"val_loss": {"max": 0.1}},
    ],
)
def test_what_is_no_bound_of_a_share_is_refused(written):
    with pytest.raises(ValidationError):
        TypeAdapter(Constraints).validate_python(written)


def test_violation_is_the_sum_of_what_is_beyond_and_nothing_is_gained_elsewhere():
    bounds = {**ATMOST, "val_accuracy_conflicting": Limit(min=0.6)}
    figures = {"digit_following": 0.01, "val_accuracy_conflicting": 0.5}
    assert violation(bounds, figures) == pytest.approx(0.1)


def test_a_figure_that_was_not_measured_breaks_its_bound():
    assert excesses(ATMOST, {}) == {"digit_following": 1.0}


def test_figures_are_shares_of_the_images_of_their_group():
    labels, digits = np.array([0, 1, 2, 3, 4]), np.array([0, 1, 3, 3, 5])
    split = Split(np.zeros((5, 1, 1, 3), np.uint8), labels, digits)
    assert images_behind(split) == {
        "digit_following": 2,
        "val_accuracy_conflicting": 2,
        "val_accuracy_aligned": 3,
    }


def test_images_without_digits_leave_nothing_to_hold():
    split = Split(np.zeros((2, 1, 1, 3), np.uint8), np.array([0, 1]))
    assert measurable(ATMOST, split) == {}


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        (None, "no shortcut of the validation images is known"),
        ([0, 1], "no validation image conflicts"),
        ([-1, -1], "no validation image conflicts"),
    ],
)
def test_a_bound_that_no_image_measures_is_named_with_the_reason(digits, reason):
    shown = None if digits is None else np.array(digits)
    split = Split(np.zeros((2, 1, 1, 3), np.uint8), np.array([0, 1]), shown)
    assert unmeasured(ATMOST, split) == (f"digit_following at most 0.08: {reason}",)


def test_a_bound_that_images_measure_is_not_named():
    split = Split(np.zeros((2, 1, 1, 3), np.uint8), np.array([0, 1]), np.array([0, 0]))
    assert unmeasured(ATMOST, split) == ()


def test_the_interval_of_one_training_is_that_of_a_binomial_share():
    low, high = bootstrap([0.08], 4500)
    exact = binom.ppf([0.025, 0.975], 4500, 0.08) / 4500
    assert (low, high) == pytest.approx(tuple(exact), abs=3e-4)


def test_the_interval_of_several_trainings_is_that_of_a_slow_loop():
    shares, images, draws = [0.02, 0.05, 0.11], 900, np.random.default_rng(7)
    found = []
    for _ in range(20_000):
        mean = np.mean([shares[draws.integers(3)] for _ in range(3)])
        found.append(draws.binomial(images, mean) / images)
    assert bootstrap(shares, images) == pytest.approx(
        tuple(np.quantile(found, [0.025, 0.975])), abs=3e-3
    )


@pytest.mark.parametrize(("images", "end"), [(18, 0.176), (900, 0.00425)])
def test_the_interval_of_no_image_or_every_one_is_wilsons(images, end):
    # z^2 / (n + z^2), with z = 1.96: Wilson (1927)
    assert bootstrap([0.0, 0.0], images) == pytest.approx((0.0, end), abs=5e-4)
    assert bootstrap([1.0], images) == pytest.approx((1 - end, 1.0), abs=5e-4)


def test_the_interval_is_the_same_each_time():
    assert bootstrap([0.1, 0.2], 100) == bootstrap([0.1, 0.2], 100)

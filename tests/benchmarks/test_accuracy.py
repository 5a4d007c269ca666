"""The comparison of accuracies."""

import json

import pytest
import torch

from benchmarks.accuracy import AccuracyComparison
from benchmarks.throughput import main


@pytest.fixture
def comparison():
    return AccuracyComparison(1, 100, 1000, [0.51, 0.62, 0.73], [0.50, 0.60, 0.70])


def test_the_difference_is_convoys_mean_less_the_tutorials(comparison):
    assert comparison.difference == pytest.approx(0.02)


def test_the_interval_is_students_over_the_seeds_differences(comparison):
    half = 4.302653 * 0.01 / 3**0.5  # t for 97.5% and 2 degrees of freedom, by a table
    assert comparison.interval == pytest.approx((0.02 - half, 0.02 + half), abs=1e-7)


def test_it_is_told_in_points(comparison):
    assert "difference +2.00 points (95% interval -0.48 to +4.48)" in comparison.described()


def test_both_ways_are_trained_once_a_seed(tmp_path):
    threads, file = torch.get_num_threads(), tmp_path / "found.json"
    flags = ["--accuracy", "--seeds", "2", "--epochs", "1", "--train-limit", "128"]
    status = main(["--data", "embedded", "--threads", "1", *flags, "--json", str(file)])
    torch.set_num_threads(threads)
    found = json.loads(file.read_text())["accuracy"]
    assert status == 0
    assert len(found["convoy"]) == len(found["tutorial"]) == 2
    assert found["validation"] == 1000

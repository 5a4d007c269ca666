"""Limits and statistics of a data set."""

import numpy as np
import pytest

from trainables.boundary.errors import UsageError
from trainables.data.dataset import Split, rank_in_class, statistics


def test_a_limit_takes_evenly_from_every_class():
    labels = np.repeat(np.arange(5), 20).astype(np.int64)  # sorted, as a folder is read
    split = Split(np.zeros((100, 2, 2, 3), dtype=np.uint8), labels)
    assert np.bincount(split.limited(23).labels).tolist() == [5, 5, 5, 4, 4]


def test_a_limit_keeps_the_order_and_the_pairing():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=50)
    images = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    some = Split(images, labels, labels + 1).limited(20)
    positions = some.images[:, 0, 0, 0].astype(int)
    assert (np.diff(positions) > 0).all()
    assert np.array_equal(some.labels, labels[positions])
    assert np.array_equal(some.digits, labels[positions] + 1)


def test_rank_in_class_counts_those_before():
    assert rank_in_class(np.array([1, 0, 1, 1, 0])).tolist() == [0, 0, 1, 2, 1]


def test_statistics_equal_numpys_on_floats():
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    mean, std = statistics(images)
    assert mean == pytest.approx((images / 255).mean(axis=(0, 1, 2)))
    assert std == pytest.approx((images / 255).std(axis=(0, 1, 2)))


@pytest.mark.parametrize("limits", [{"train": 0}, {"val": -3}, {"train": 4501}, {"val": 1001}])
def test_a_limit_out_of_bounds_is_refused(embedded, limits):
    with pytest.raises(UsageError, match=r"limit must be between 1 and"):
        embedded.limited(**limits)

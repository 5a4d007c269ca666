"""A snapshot: equal to the state, and apart from it."""

import copy

import pytest
import torch

from trainables.device import use_threads
from trainables.recipe import Setting
from trainables.snapshot import snapshot
from trainables.training import TrainingData, steps


@pytest.fixture(scope="module")
def trained(embedded):
    """A training after its first epoch, and that epoch."""
    use_threads(1)
    data = TrainingData.of(embedded.limited(100, 100), torch.device("cpu"))
    under_way = steps(Setting.of("gap5", {"pool_stride": 2, "batch_size": 50}, 2, 0), data)
    return under_way, next(epoch for epoch in under_way if epoch is not None)


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_snapshot_equals_the_state_and_does_not_follow_it(trained):
    under_way, epoch = trained
    taken, expected = snapshot(epoch.state), copy.deepcopy(epoch.state)
    assert same(taken, expected)
    next(under_way)  # a step of the next epoch
    assert same(taken, expected)
    assert not same(epoch.state["model"], expected["model"])

"""Trainings of a pack: each ends as it would alone."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from trainables.device import use_threads
from trainables.pack import Member
from trainables.recipe import Setting
from trainables.training import TrainingData, fit, steps

CPU = torch.device("cpu")
DROPPING = {"dropout": 0.3, "flip": True, "noise": 0.1, "mixup": 0.2}
SETTINGS = {
    "plain": Setting.of("gap5", {"pool_stride": 2, "batch_size": 50}, 3, 1),
    "dropping": Setting.of("gap5", {"pool_stride": 2, "batch_size": 50, **DROPPING}, 2, 2),
    "larger batches": Setting.of("gap5", {"pool_stride": 2, "batch_size": 100, "lr": 0.01}, 3, 3),
    "another network": Setting.of("conv3", {"batch_size": 80, "optimizer": "sgd"}, 2, 4),
    "twice": Setting.of(
        "gap5", {"pool_stride": 2, "reweighting": "jtt", "auto_augment": True}, 2, 5
    ),
}


@pytest.fixture(scope="module")
def data(embedded):
    use_threads(1)
    return TrainingData.of(embedded.limited(400, 200), CPU)


@pytest.fixture(scope="module")
def together(data):
    """Epochs of every setting, trained in one pack: number, figures, weights."""
    found = {name: [] for name in SETTINGS}
    members = {name: Member(steps(setting, data), CPU) for name, setting in SETTINGS.items()}
    while members:
        for name in list(members):
            try:
                epoch = members[name].advance()
            except StopIteration:
                del members[name]
                continue
            if epoch is not None:
                weights = {key: value.clone() for key, value in epoch.state["model"].items()}
                found[name].append((epoch.number, epoch.metrics["val_loss"], weights))
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_a_member_of_a_pack_trains_as_it_would_alone_bit_for_bit(data, together, name):
    alone = list(fit(SETTINGS[name], data))
    assert [epoch for epoch, _, _ in together[name]] == [epoch.number for epoch in alone]
    assert [loss for _, loss, _ in together[name]] == [e.metrics["val_loss"] for e in alone]
    last = alone[-1].state["model"]
    assert all(torch.equal(last[key], value) for key, value in together[name][-1][2].items())


def test_a_member_leaves_the_global_generator_as_it_was(data):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    Member(steps(SETTINGS["dropping"], data), CPU).advance()
    assert torch.equal(torch.rand(3), expected)


class Pointer:
    """What a generator of a GPU is: it points to a state, which others may point to as well."""

    def __init__(self, device=None):
        self.state = object()

    def graphsafe_get_state(self):
        copy = Pointer()
        copy.state = self.state
        return copy

    def graphsafe_set_state(self, other):
        self.state = other.state


def test_on_a_gpu_each_member_draws_from_a_state_of_its_own(monkeypatch):
    """Not from a copy: graphs that are replayed at the same time read the state's own memory."""
    shared, stream = Pointer(), SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch, "Generator", Pointer)
    monkeypatch.setattr(torch.cuda, "default_generators", (shared,))
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda _: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    drawn, outside = {"one": [], "other": []}, shared.state

    def training(name):
        while True:
            drawn[name].append(shared.state)
            yield None

    members = [Member(training(name), torch.device("cuda")) for name in drawn]
    for _ in range(3):
        for member in members:
            member.advance()
    assert [len(set(states)) for states in drawn.values()] == [1, 1]
    assert len({outside, *drawn["one"], *drawn["other"]}) == 3
    assert shared.state is outside


def test_steps_pause_between_any_two_updates(data):
    found = list(steps(SETTINGS["plain"], data))
    pauses = len(data.train) // 50
    assert [epoch is None for epoch in found] == ([True] * pauses + [False]) * 3

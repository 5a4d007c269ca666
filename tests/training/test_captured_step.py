"""The step as a GPU runs it, recorded once and repeated, against the loop as it is written."""

import copy
from dataclasses import replace

import pytest
import torch
from tape import Recorder, Tape, Waits
from torch import nn

from trainables import architectures, scores
from trainables.checkpoint import load, save
from trainables.device import use_threads
from trainables.recipe import Setting
from trainables.training import TrainingData, fit, steps

CPU = torch.device("cpu")
AUGMENTED = {"flip": True, "crop_padding": 2, "noise": 0.1, "erasing": 0.3, "dropout": 0.2}
RECIPES = {
    "adamw-cosine": {"weight_decay": 0.01, "clip_norm": 1.0, **AUGMENTED},
    "adam-constant": {"optimizer": "adam", "schedule": "constant", "weight_decay": 1e-3},
    "adam-one-cycle": {"optimizer": "adam", "schedule": "one_cycle", "warmup": 0.5},
    "sgd-halving": {"optimizer": "sgd", "lr": 0.02, "schedule": "halving", "halve_every": 1},
    "sgd-without-momentum": {"optimizer": "sgd", "lr": 0.02, "momentum": 0.0},
    "mixup": {"mixup": 0.4, "label_smoothing": 0.04},
    "swap": {"region_swap": "random", "swap_probability": 0.5},
    "balanced": {"class_weights": "balanced", "sampling": "balanced", "mixup": 0.2},
    "attended": {"region_swap": "attended", "attended_share": 0.3},
    "jtt": {"reweighting": "jtt", "jtt_share": 0.3, "jtt_weight": 8.0},
}
CYCLING = {
    "adamw": {"schedule": "one_cycle", "cycle_momentum": True, "weight_decay": 0.01},
    "adam": {"optimizer": "adam", "schedule": "one_cycle", "cycle_momentum": True},
    "sgd": {"optimizer": "sgd", "schedule": "one_cycle", "cycle_momentum": True, "lr": 0.02},
}


@pytest.fixture(scope="module")
def data(embedded):
    use_threads(1)
    return TrainingData.of(embedded.limited(175, 100), CPU)


def setting(epochs: int = 3, architecture: str = "gap5", **values) -> Setting:
    own = {"pool_stride": 2} if architecture == "gap5" else {}
    return Setting.of(architecture, {**own, "batch_size": 25, **values}, epochs, 0)


def figures(epochs):
    return [
        (
            epoch.number,
            {k: v for k, v in epoch.metrics.items() if "second" not in k},
            {name: value.clone() for name, value in epoch.state["model"].items()},
        )
        for epoch in epochs
    ]


def assert_same(one, other) -> None:
    assert [each[:2] for each in one] == [each[:2] for each in other]
    for (*_, ours), (*_, theirs) in zip(one, other, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("architecture", ["conv3", "gap5"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_repeated_step_trains_as_the_loop_does_bit_for_bit(data, architecture, recipe):
    asked = setting(architecture=architecture, **RECIPES[recipe])
    assert_same(figures(fit(asked, replace(data, execution=Tape()))), figures(fit(asked, data)))


@pytest.mark.parametrize("architecture", ["alexnet", "gap6", "nin", "resnet18"])
def test_every_other_network_s_repeated_step_does_too(data, architecture):
    small = {"alexnet": {"width": 0.1, "dense": 64}, "nin": {}}.get(architecture, {"width": 0.1})
    small_data = TrainingData.of(data.dataset.limited(150, 100), CPU)
    asked = setting(2, architecture, **small)
    repeated = figures(fit(asked, replace(small_data, execution=Tape())))
    assert_same(repeated, figures(fit(asked, small_data)))


@pytest.mark.parametrize("metric", scores.available())
def test_whatever_judges_is_part_of_the_recorded_validation(data, metric):
    judged = replace(data, metric=metric)
    repeated = figures(fit(setting(2), replace(judged, execution=Tape())))
    assert_same(repeated, figures(fit(setting(2), judged)))
    assert len({epoch[f"val_{metric}"] for _, epoch, _ in repeated}) == 2 or metric == "worst_group"


@pytest.mark.parametrize("recipe", CYCLING)
def test_a_momentum_on_the_device_trains_as_torch_s_own_kernel_but_for_rounding(data, recipe):
    asked = setting(2, **CYCLING[recipe])
    *_, (_, metrics, _) = figures(fit(asked, replace(data, execution=Tape())))
    *_, (_, expected, _) = figures(fit(asked, data))
    assert metrics["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-3)


def test_batches_of_a_chunk_are_trained_on_as_they_are_one_by_one(data):
    """Seven batches in chunks of three: the last chunk is shorter."""
    asked = setting(label_smoothing=0.1)
    chunked = replace(data, execution=Tape(chunk=75))
    assert_same(figures(fit(asked, chunked)), figures(fit(asked, data)))
    pauses = [epoch is None for epoch in steps(asked, chunked)]
    assert pauses.count(True) == 3 * 3


@pytest.mark.parametrize("recipe", [*RECIPES, *CYCLING])
def test_nothing_that_the_host_knows_is_part_of_a_recorded_step(data, recipe):
    """Recorded anew after an epoch, at another rate and on other draws, it is the same."""
    values = {**RECIPES, **{name: CYCLING[name] for name in CYCLING}}[recipe]
    first, second = Tape(chunk=50), Tape(chunk=50)
    *_, last = fit(setting(2, **values), replace(data, execution=first))
    next(steps(setting(3, **values), replace(data, execution=second), None))
    later = Tape(chunk=50)
    epoch = next(fit(setting(3, **values), replace(data, execution=Tape())))
    next(steps(setting(3, **values), replace(data, execution=later), copy.deepcopy(epoch.state)))
    assert last.number == 2
    assert second.recordings[-1].constants() == later.recordings[-1].constants()


@pytest.mark.parametrize("recipe", [*RECIPES, *CYCLING])
def test_a_captured_training_resumes_to_the_same_bits(data, tmp_path, recipe):
    values = {**RECIPES, **CYCLING}[recipe]
    asked, captured = setting(3, **values), replace(data, execution=Tape(chunk=50))
    unbroken = list(fit(asked, captured))
    save(unbroken[0].state, tmp_path / "state.pt")
    torch.manual_seed(5)
    resumed = list(fit(asked, captured, load(tmp_path / "state.pt")))
    assert_same(figures(resumed), figures(unbroken[1:]))


class WithAnAverage(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 10)
        self.register_buffer("average", torch.zeros(3))

    def forward(self, images):
        features = images.mean((2, 3))
        if self.training:
            self.average = 0.9 * self.average + 0.1 * features.mean(0)
        return self.head(features - self.average)


def test_a_buffer_that_a_network_replaces_is_followed(data, monkeypatch):
    monkeypatch.setattr("trainables.training.network", lambda *_: WithAnAverage())
    repeated = figures(fit(setting(2), replace(data, execution=Tape())))
    expected = figures(fit(setting(2), data))
    assert_same(repeated, expected)
    assert not torch.equal(expected[0][2]["average"], expected[1][2]["average"])


def test_an_epoch_of_a_captured_training_stays_as_it_is_while_the_next_is_trained(data):
    under_way = fit(setting(), replace(data, execution=Tape(chunk=50)))
    first = next(under_way)
    weights = copy.deepcopy(first.state)
    second = next(under_way)
    assert all(torch.equal(first.state["model"][k], v) for k, v in weights["model"].items())
    assert not torch.equal(second.state["model"]["conv1.weight"], weights["model"]["conv1.weight"])


def test_the_recorder_refuses_what_a_graph_cannot_hold():
    values = torch.arange(4.0)
    for waits in (
        lambda: values.sum().item(),
        lambda: values[values > 1],
        lambda: values.nonzero(),
        lambda: values + torch.ones(4, device="meta"),
    ):
        with pytest.raises(Waits), Recorder():
            waits()


def test_every_architecture_is_captured_in_some_test():
    assert set(architectures.available()) == {"conv3", "gap5", "alexnet", "gap6", "nin", "resnet18"}

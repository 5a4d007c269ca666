"""A training that starts from another model's weights."""

import json
from dataclasses import replace

import pytest
import torch

from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.checkpoint import save
from trainables.initial_weights import initialise
from trainables.recipe import Setting
from trainables.training import TrainingData, fit

CPU = torch.device("cpu")


def gap5(classes: int = 10, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return architectures.build("gap5", image_shape=(32, 32, 3), classes=classes, pool_stride=2)


@pytest.fixture
def weights(tmp_path):
    save(gap5(seed=1).state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.mark.parametrize("name", architectures.available())
def test_a_network_takes_every_weight_of_its_own_architecture(name, tmp_path):
    torch.manual_seed(1)
    other = architectures.build(name, image_shape=(32, 32, 3), classes=10)
    save(other.state_dict(), tmp_path / "weights.pt")
    torch.manual_seed(2)
    model = architectures.build(name, image_shape=(32, 32, 3), classes=10)
    assert initialise(model, tmp_path / "weights.pt", name) == ()
    own, others = model.state_dict(), other.state_dict()
    assert all(torch.equal(own[key], others[key]) for key in own)


def test_a_layer_of_another_shape_is_named_and_keeps_its_own_weights(weights):
    model, fresh = gap5(classes=3), gap5(classes=3)
    assert initialise(model, weights, "gap5") == ("linear",)
    own, drawn, other = model.state_dict(), fresh.state_dict(), gap5(seed=1).state_dict()
    for key in own:
        assert torch.equal(own[key], drawn[key] if key.startswith("linear.") else other[key])


def test_a_training_starts_from_the_weights(weights, embedded):
    data = TrainingData.of(embedded.limited(100, 100), CPU)
    values = {"pool_stride": 2, "batch_size": 50, "lr": 1e-9, "schedule": "constant"}
    epoch = next(fit(Setting.of("gap5", {**values, "init": str(weights)}, 1, 0), data))
    start = gap5(seed=1).state_dict()["conv1.weight"]
    torch.testing.assert_close(epoch.state["model"]["conv1.weight"], start, atol=1e-6, rtol=0)


def test_jtts_first_training_starts_from_the_weights_too(weights, embedded, monkeypatch):
    data = TrainingData.of(embedded.limited(100, 100), CPU)
    paths = []
    monkeypatch.setattr(
        "trainables.training.initialise", lambda model, path, name: paths.append(path)
    )
    values = {"pool_stride": 2, "reweighting": "jtt", "init": str(weights)}
    next(fit(Setting.of("gap5", values, 1, 0), data))
    assert paths == [weights, weights]


def test_weights_of_another_architecture_are_refused_by_what_stands_beside_them(weights):
    (weights.parent / "labels.json").write_text(json.dumps({"architecture": "nin"}))
    with pytest.raises(UsageError, match=f"init: {weights} is of architecture nin, not gap5"):
        initialise(gap5(), weights, "gap5")


def test_weights_of_which_no_layer_fits_are_refused(weights):
    conv3 = architectures.build("conv3", image_shape=(32, 32, 3), classes=7)
    save(conv3.state_dict(), weights)
    with pytest.raises(UsageError, match="no layer of"):
        initialise(gap5(), weights, "gap5")


def test_weights_that_are_not_finite_are_refused(weights):
    state = gap5().state_dict()
    state["conv1.bias"][3] = float("nan")
    save(state, weights)
    with pytest.raises(UsageError, match="not finite"):
        initialise(gap5(), weights, "gap5")


ODD = {
    "sparse": torch.eye(3).to_sparse(),
    "without values": torch.zeros(3, device="meta"),
    "complex": torch.zeros(3, dtype=torch.complex64),
}


@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_no_network_holds_are_refused(weights, kind):
    save({**gap5().state_dict(), "conv1.bias": ODD[kind]}, weights)
    with pytest.raises(UsageError, match="holds no network's weights"):
        initialise(gap5(), weights, "gap5")


def test_integers_are_no_fractions(weights):
    save({**gap5().state_dict(), "linear.weight": torch.zeros(10, 256).long()}, weights)
    assert initialise(gap5(), weights, "gap5") == ("linear",)


def test_weights_of_other_layers_are_refused_though_a_head_fits(weights):
    """That of conv3 has the shape of gap6's, and nothing beside the file says whose it is."""
    gap6 = architectures.build("gap6", image_shape=(32, 32, 3), classes=10)
    save(gap6.state_dict(), weights)
    conv3 = architectures.build("conv3", image_shape=(32, 32, 3), classes=10)
    with pytest.raises(UsageError, match="another architecture: it has layer conv4 and lacks"):
        initialise(conv3, weights, "conv3")
    (weights.parent / "labels.json").write_text(json.dumps({"architecture": "conv3"}))
    assert "linear" not in initialise(conv3, weights, "conv3")


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True)])
def test_weights_with_and_without_normalisation_start_each_other(tmp_path, ours, theirs):
    nin = [
        architectures.build("nin", image_shape=(32, 32, 3), classes=10, batch_norm=each)
        for each in (ours, theirs)
    ]
    save(nin[1].state_dict(), tmp_path / "weights.pt")
    redrawn = initialise(nin[0], tmp_path / "weights.pt", "nin")
    assert bool(redrawn) is ours
    assert all("bn" in layer for layer in redrawn)


def test_a_pickle_that_runs_code_is_refused_and_not_run(weights):
    class Attack:
        def __reduce__(self):
            return (weights.with_name("ran").touch, ())

    torch.save({"conv1.weight": Attack()}, weights)
    with pytest.raises(UsageError, match=f"init: checkpoint {weights} cannot be loaded"):
        initialise(gap5(), weights, "gap5")
    assert not weights.with_name("ran").exists()


@pytest.mark.parametrize("content", [{}, {"a": 1}, {"epoch": 3, "model": {}}, {1: torch.zeros(2)}])
def test_a_file_that_holds_something_else_is_refused(weights, content):
    save(content, weights)
    with pytest.raises(UsageError, match="holds no network's weights"):
        initialise(gap5(), weights, "gap5")


def test_weights_that_are_gone_are_named(tmp_path):
    with pytest.raises(UsageError, match=f"init: {tmp_path}/gone.pt does not exist"):
        initialise(gap5(), tmp_path / "gone.pt", "gap5")


def test_the_random_numbers_of_a_training_are_those_without_weights(weights, embedded):
    """So that nothing but the start differs: what is drawn anew is what it would have been."""
    data = TrainingData.of(embedded.limited(100, 100), CPU)
    save(gap5(classes=3, seed=1).state_dict(), weights)
    values = {"pool_stride": 2, "lr": 1e-9, "schedule": "constant"}
    plain = Setting.of("gap5", values, 1, 0)
    started = replace(plain, recipe=replace(plain.recipe, init=str(weights)))
    heads = [next(fit(each, data)).state["model"]["linear.weight"] for each in (plain, started)]
    torch.testing.assert_close(*heads, atol=1e-6, rtol=0)

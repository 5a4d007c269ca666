"""The training loop: resumed, unbroken, seeded, and stopped when the loss is not finite."""

import copy
import dataclasses
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from pydantic import TypeAdapter

from trainables import architectures, scores
from trainables.boundary.errors import UsageError
from trainables.checkpoint import load, save
from trainables.data.batches import DeviceSplit, steps_per_epoch
from trainables.device import use_threads
from trainables.evaluation import Evaluation, evaluate
from trainables.recipe import RECIPE_KEYS, Recipe, Setting, rests
from trainables.seeding import derive
from trainables.training import METRICS, NonFiniteLossError, TrainingData, fit, network, steps

CPU = torch.device("cpu")
PROPERTIES = TypeAdapter(Recipe).json_schema()["properties"]
AUGMENTED = {"flip": True, "crop_padding": 2, "noise": 0.1, "erasing": 0.3, "dropout": 0.2}
RECIPES = {
    "adamw-cosine": {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.01},
    "adam-constant": {"optimizer": "adam", "schedule": "constant", "label_smoothing": 0.1},
    "sgd-one-cycle": {"optimizer": "sgd", "schedule": "one_cycle", "lr": 0.05, "peak_factor": 2.0},
    "adamw-one-cycle": {"schedule": "one_cycle", "cycle_momentum": True, "clip_norm": 1.0},
    "halving-clipped": {"schedule": "halving", "halve_every": 1, "clip_norm": 0.5},
    "cosine-rising": {"schedule": "cosine", "t_max": 0.4, "eta_min": 0.1},
    "mixup": {"mixup": 0.4, "label_smoothing": 0.04},
    "auto-augment": {"auto_augment": True},
    "swap-known": {"region_swap": "bottom_right"},
    "swap-attended": {"region_swap": "attended", "attended_share": 0.3},
    "swap-random": {"region_swap": "random", "swap_probability": 0.5},
    "jtt": {"reweighting": "jtt", "jtt_share": 0.3, "jtt_weight": 8.0},
    "balanced": {"class_weights": "balanced", "sampling": "balanced", "label_smoothing": 0.1},
    "balanced-jtt-mixup": {
        "class_weights": "balanced",
        "sampling": "balanced",
        "mixup": 0.2,
        "reweighting": "jtt",
        "jtt_share": 0.3,
    },
    "jtt-longer": {"reweighting": "jtt", "jtt_share": 0.7, "region_swap": "random"},
}
PARTS = {key for values in RECIPES.values() for key in values} | set(AUGMENTED)


@pytest.fixture(scope="module")
def data(embedded):
    use_threads(1)
    return TrainingData.of(embedded.limited(400, 200), CPU)


@pytest.mark.parametrize("begun", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("goes_on", [torch.float32, torch.bfloat16])
def test_a_training_is_validated_in_the_format_in_which_it_began(data, begun, goes_on):
    first, then = (dataclasses.replace(data, validation_dtype=each) for each in (begun, goes_on))
    unbroken = [untimed(epoch.metrics) for epoch in fit(setting(2), first)]
    state = next(fit(setting(2), first)).state
    assert untimed(next(fit(setting(2), then, state)).metrics) == unbroken[1]


def test_a_training_that_an_earlier_version_began_is_validated_in_float32(data):
    exact = dataclasses.replace(data, validation_dtype=torch.float32)
    half = dataclasses.replace(data, validation_dtype=torch.bfloat16)
    unbroken = [untimed(epoch.metrics) for epoch in fit(setting(2), exact)]
    state = next(fit(setting(2), exact)).state
    assert state.pop("validation_dtype") == "float32"
    assert untimed(next(fit(setting(2), half, state)).metrics) == unbroken[1]


def test_the_format_of_the_validation_does_not_touch_the_training(data):
    pair = (dataclasses.replace(data, validation_dtype=d) for d in (torch.float32, torch.bfloat16))
    exact, half = (next(fit(setting(1), each)) for each in pair)
    assert exact.metrics["val_loss"] != half.metrics["val_loss"]
    assert_equal(exact.state["model"], half.state["model"])


def setting(epochs: int = 3, seed: int = 0, **values) -> Setting:
    return Setting.of("gap5", {"pool_stride": 2, "batch_size": 50, **values}, epochs, seed)


def weights(state) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in state["model"].items()}


def assert_equal(one, other) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def untimed(metrics: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in metrics.items() if k not in ("images_per_second", "epoch_seconds")}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_training_equals_an_unbroken_one_bit_for_bit(data, tmp_path, recipe, stop):
    asked = setting(**RECIPES[recipe], **AUGMENTED)
    unbroken = list(fit(asked, data))
    for epoch in fit(asked, data):
        save(epoch.state, tmp_path / "state.pt")
        if epoch.number == stop:
            break
    torch.manual_seed(12345)  # whatever happened in between
    resumed = list(fit(asked, data, load(tmp_path / "state.pt")))
    assert [epoch.number for epoch in resumed] == list(range(stop + 1, 4))
    assert_equal(weights(resumed[-1].state), weights(unbroken[-1].state))
    assert untimed(resumed[-1].metrics) == untimed(unbroken[-1].metrics)
    assert resumed[-1].state["best"]["epoch"] == unbroken[-1].state["best"]["epoch"]
    assert_equal(resumed[-1].state["best"]["model"], unbroken[-1].state["best"]["model"])


def test_every_figure_of_an_epoch_is_declared_and_every_declared_one_is_made(data):
    figures = set()
    for metric in scores.available():
        figures |= set(
            next(
                fit(
                    setting(1, mixup=0.4, region_swap="attended"),
                    dataclasses.replace(data, metric=metric),
                )
            ).metrics
        )
    assert figures == {metric.name for metric in METRICS}


@cache
def weights_file() -> str:
    """Weights of gap5, as ``init`` takes them."""
    path = Path(mkdtemp()) / "weights.pt"
    save(
        architectures.build(
            "gap5", image_shape=(32, 32, 3), classes=10, pool_stride=2
        ).state_dict(),
        path,
    )
    return str(path)


def other(name: str):
    """A value of a recipe's key that is not its default."""
    of = PROPERTIES[name]
    if name == "init":
        return weights_file()
    if "enum" in of:
        return next(option for option in reversed(of["enum"]) if option != of["default"])
    if of["type"] == "boolean":
        return not of["default"]
    numbers = (type(of["default"])(number) for number in (0.5, 2))
    return next(n for n in numbers if n >= of.get("minimum", 0.1) and n != of["default"])


def owner(name: str) -> dict:
    """What makes a recipe's key count: the value of the key that it belongs to."""
    key = RECIPE_KEYS[name]
    return {key.of: key.option or other(key.of)} if key.of else {}


def of_the_data(values: dict, data, monkeypatch) -> bool:
    """Whether every image that the network is first trained on is one of the data's own."""
    own = {image.numpy().tobytes() for image in data.normalise(data.train.images).contiguous()}
    batches = []

    def network_that_keeps_what_it_sees(*args):
        model = network(*args)
        model.register_forward_pre_hook(lambda _, inputs: batches.append(inputs[0].clone()))
        return model

    monkeypatch.setattr("trainables.training.network", network_that_keeps_what_it_sees)
    next(steps(Setting.of("gap5", {"pool_stride": 2, **values}, 1, 0), data))
    return own.issuperset(image.contiguous().numpy().tobytes() for image in batches[0])


@pytest.mark.parametrize("name", RECIPE_KEYS)
def test_a_key_changes_the_images_exactly_if_it_or_what_it_belongs_to_says_so(
    data, monkeypatch, name
):
    says = any(RECIPE_KEYS[key].changes for key in (name, *owner(name)))
    values = {name: other(name), **owner(name)}
    if values.get("region_swap") == "attended":  # its first training sees the images as they are
        values["region_swap"] = "random"
    assert of_the_data(values, data, monkeypatch) is not says


@pytest.mark.parametrize("name", [name for name, key in RECIPE_KEYS.items() if key.changes])
def test_the_first_of_jtts_trainings_sees_the_images_as_they_are(data, monkeypatch, name):
    assert of_the_data({name: other(name), "reweighting": "jtt"}, data, monkeypatch)


@pytest.mark.parametrize("name", [name for name, key in RECIPE_KEYS.items() if key.of])
def test_a_key_without_what_it_belongs_to_changes_nothing(data, name):
    rival = {"optimizer": "adam", "schedule": "constant", "region_swap": "none"}
    first, second = (
        next(fit(setting(1, **rival, **values), data)) for values in ({}, {name: other(name)})
    )
    assert rests(name, {**rival, name: other(name)})
    assert not rests(name, owner(name))
    assert_equal(weights(first.state), weights(second.state))


def test_every_part_of_a_recipe_is_resumed_in_some_test():
    plain = {"init", "batch_size", "lr", "momentum", "nesterov", "warmup", "swap_size"}
    assert set(RECIPE_KEYS) - plain <= PARTS


def test_mixup_reports_the_accuracy_on_clean_training_images_too(data):
    *_, last = fit(setting(3, lr=0.01, mixup=0.4), data)
    clean = evaluate(
        _model(last), data.train.evenly(len(data.val)), data.normalise, data.validation_dtype
    )
    assert last.metrics["train_accuracy_clean"] == clean.metrics()["val_accuracy"]
    assert len(clean.labels) == 200
    assert "train_accuracy_clean" not in next(fit(setting(1), data)).metrics


def _model(epoch):
    model = architectures.builder("gap5")(image_shape=(40, 40, 3), classes=10, pool_stride=2)
    model.load_state_dict(epoch.state["model"])
    return model.to(memory_format=torch.channels_last)


JTT = {"reweighting": "jtt", "jtt_share": 0.5, "jtt_weight": 8.0}


def test_the_errors_of_a_first_training_are_drawn_from_the_first_epoch_on(data):
    states = [copy.deepcopy(epoch.state) for epoch in fit(setting(2, lr=0.01, **JTT), data)]
    assert set(states[0]["weights"].tolist()) == {1.0, 8.0}
    assert torch.equal(states[0]["weights"], states[1]["weights"])
    assert next(fit(setting(1), data)).state["weights"] is None


def test_the_first_training_leaves_no_trace_but_the_weights(data):
    """With a weight of 1 every image is as likely as ever: only the order of images differs."""
    jtt = {**JTT, "jtt_weight": 1.0}
    with_first = list(fit(setting(2, lr=0.01, **jtt), data))
    assert [epoch.number for epoch in with_first] == [1, 2]
    rates = [epoch.metrics["lr"] for epoch in with_first]
    assert rates == [epoch.metrics["lr"] for epoch in fit(setting(2, lr=0.01), data)]
    untrained = {"lr": 1e-12, "schedule": "constant"}
    tiny = next(fit(setting(1, **untrained, **jtt), data)).state["model"]
    plain = next(fit(setting(1, **untrained), data)).state["model"]
    assert torch.allclose(tiny["conv1.weight"], plain["conv1.weight"], atol=1e-8)


def test_gradients_are_clipped_to_the_norm(data):
    """One step of plain SGD moves the weights by the rate times the clipped norm."""
    sgd = {"optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "lr": 0.5}
    asked = setting(1, batch_size=400, clip_norm=0.01, **sgd)
    torch.manual_seed(derive(asked.seed, "initialisation"))
    before = dict(network(asked, data.dataset).named_parameters())
    after = next(fit(asked, data)).state["model"]
    moved = sum(((after[name] - value) ** 2).sum() for name, value in before.items())
    assert moved.sqrt().item() == pytest.approx(0.5 * 0.01, rel=1e-3)


def test_the_same_seed_trains_the_same_weights_and_another_seed_others(data):
    def last(seed: int) -> dict[str, torch.Tensor]:
        return weights(list(fit(setting(1, seed, **AUGMENTED), data))[-1].state)

    first = last(0)
    assert_equal(first, last(0))
    assert not torch.equal(first["conv1.weight"], last(1)["conv1.weight"])


def test_the_kept_weights_are_those_of_the_best_epoch(data):
    seen = {}
    for epoch in fit(setting(4, lr=0.01), data):
        seen[epoch.number] = (epoch.metrics["val_accuracy"], weights(epoch.state))
        best = epoch.state["best"]
    number = max(seen, key=lambda n: (seen[n][0], -n))
    assert best["epoch"] == number
    assert best["val_accuracy"] == seen[number][0]
    assert_equal(best["model"], seen[number][1])


def test_a_diverging_training_stops_with_the_epoch_and_a_remedy(data):
    diverging = setting(lr=100.0, optimizer="sgd", schedule="constant", label_smoothing=0.1)
    scaled = dataclasses.replace(data, normalise=lambda images: data.normalise(images) * 1e30)
    with pytest.raises(NonFiniteLossError, match=r"in epoch 1; a smaller learning rate"):
        list(fit(diverging, scaled))


def test_a_network_that_gives_nan_in_validation_alone_is_stopped_too(data, monkeypatch):
    import trainables.step.validation as module

    broken = Evaluation(torch.full((200, 10), float("nan")), data.val.labels, data.val.digits)
    monkeypatch.setattr(module, "evaluate", lambda *_: broken)
    with pytest.raises(NonFiniteLossError, match="the validation loss became nan in epoch 1"):
        list(fit(setting(1), data))


def test_training_learns_the_pictures(embedded):
    easy = TrainingData.of(embedded, CPU)
    losses = [e.metrics["train_loss"] for e in fit(setting(2, lr=0.005, batch_size=100), easy)]
    assert losses[1] < 0.9 * losses[0] < 2.2


def test_the_loss_is_plain_cross_entropy_whatever_the_smoothing(data):
    plain = next(fit(setting(1, lr=1e-9), data)).metrics["train_loss"]
    smoothed = next(fit(setting(1, lr=1e-9, label_smoothing=0.5), data)).metrics["train_loss"]
    assert smoothed == pytest.approx(plain, rel=1e-3)


def test_reported_rates_follow_the_schedule(data):
    rates = [e.metrics["lr"] for e in fit(setting(4, lr=0.01, schedule="cosine"), data)]
    assert rates == pytest.approx([0.01, 0.008535, 0.005, 0.001465], rel=1e-3)


def test_every_image_is_used_once_an_epoch_in_an_order_of_its_own(data):
    split = DeviceSplit(torch.arange(400), torch.arange(400), None)
    orders = [
        torch.cat([b.labels for b in split.shuffled(50, torch.Generator().manual_seed(seed))])
        for seed in (0, 1)
    ]
    assert all(sorted(order.tolist()) == list(range(400)) for order in orders)
    assert not torch.equal(*orders)


@pytest.mark.parametrize(("images", "size", "steps"), [(400, 50, 8), (399, 50, 7), (10, 50, 1)])
def test_only_full_batches_count_unless_there_is_none(images, size, steps):
    assert steps_per_epoch(images, size) == steps
    split = DeviceSplit(torch.arange(images), torch.arange(images), None)
    sizes = [len(b.labels) for b in split.shuffled(size, torch.Generator())]
    assert sizes == [min(size, images)] * steps


def test_a_damaged_checkpoint_is_refused(tmp_path):
    save({"epoch": 1}, tmp_path / "state.pt")
    path = tmp_path / "state.pt"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UsageError, match="cannot be loaded"):
        load(path)


def test_a_checkpoint_runs_no_code(tmp_path):
    import pickle

    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    (tmp_path / "state.pt").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(UsageError, match="cannot be loaded"):
        load(tmp_path / "state.pt")
    assert not (tmp_path / "pwned").exists()


def test_a_failed_save_leaves_the_old_file(tmp_path):
    save({"epoch": 1}, tmp_path / "state.pt")
    with pytest.raises(AttributeError):
        save({"epoch": lambda: None}, tmp_path / "state.pt")
    assert load(tmp_path / "state.pt") == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]

"""Recipes and settings: what is allowed, and what they become."""

import json
from dataclasses import asdict

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from trainables.boundary.errors import UsageError
from trainables.optimization import optimizer_of, schedule_of
from trainables.recipe import RECIPE_KEYS, Recipe, Setting, check


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0.0),
        ("lr", -1.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("lr", "fast"),
        ("lr", True),
        ("batch_size", 0),
        ("batch_size", 12.5),
        ("momentum", 1.0),
        ("label_smoothing", 1.0),
        ("erasing", 1.1),
        ("noise", -0.1),
        ("crop_padding", -1),
        ("flip", 1),
        ("optimizer", "adamx"),
        ("schedule", 3),
        ("warmup", 0.0),
        ("t_max", 0.0),
        ("halve_every", 0),
        ("peak_factor", -1.0),
        ("mixup", -0.1),
        ("region_swap", "middle"),
        ("swap_size", 0.0),
        ("swap_probability", 1.1),
        ("jtt_share", 0.0),
        ("jtt_weight", 0.5),
        ("clip_norm", -1.0),
        ("auto_augment", "yes"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_key(key, value):
    with pytest.raises(UsageError, match=key):
        Recipe(**{key: value})


@pytest.mark.parametrize("name", RECIPE_KEYS)
def test_no_text_is_a_number_or_a_switch_and_no_switch_a_number(name):
    default = getattr(Recipe(), name)
    wrong = 1 if isinstance(default, str | bool) else True
    texts = () if name == "init" else (str(default).upper(),)  # any text can be a path
    for value in (*texts, wrong, None, [default]):
        with pytest.raises(UsageError, match=f"^{name} must be"):
            Recipe(**{name: value})


@pytest.mark.parametrize("name", [name for name, key in RECIPE_KEYS.items() if key.off is not None])
def test_what_switches_a_key_off_is_a_value_of_it(name):
    off = RECIPE_KEYS[name].off
    assert check(name, off) == off
    assert type(check(name, off)) is type(off)


@pytest.mark.parametrize("name", [name for name, key in RECIPE_KEYS.items() if key.changes])
def test_a_key_that_changes_the_images_can_be_switched_off(name):
    assert RECIPE_KEYS[name].off is not None


@pytest.mark.parametrize("name", [name for name, key in RECIPE_KEYS.items() if key.of])
def test_what_a_key_belongs_to_is_an_option_of_another_key(name):
    key = RECIPE_KEYS[name]
    assert check(key.of, key.option) if key.option else RECIPE_KEYS[key.of].off is not None


def test_a_fault_within_a_setting_is_named_by_its_place():
    with pytest.raises(UsageError, match=r"^recipe\.lr must be above 0, not -1$"):
        Setting(**{**asdict(Setting.of("gap5", {}, 1, 0)), "recipe": {"lr": -1}})


def test_a_setting_that_lacks_a_key_is_refused():
    with pytest.raises(UsageError, match="epochs: is missing"):
        Setting(**{"architecture": "gap5", "parameters": {}, "recipe": {}, "seed": 0})


def test_a_whole_number_stands_for_a_float():
    assert check("lr", 1) == 1.0
    assert isinstance(check("lr", 1), float)


def test_a_key_of_neither_recipe_nor_architecture_is_refused():
    with pytest.raises(UsageError, match="widht is neither a recipe's key nor a parameter of gap5"):
        Setting.of("gap5", {"widht": 3}, 1, 0)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [("kernel", 2.5, "int"), ("width", "abc", "float"), ("batch_norm", "maybe", "bool")],
)
def test_an_architectures_parameter_of_another_type_is_refused(key, value, kind):
    with pytest.raises(UsageError, match=f"{key} must be of type {kind}"):
        Setting.of("nin", {key: value}, 1, 0)


def test_no_epochs_are_refused():
    with pytest.raises(UsageError, match="epochs"):
        Setting.of("gap5", {}, 0, 0)


def test_a_setting_survives_json():
    setting = Setting.of("gap5", {"lr": 0.01, "pool_stride": 2}, 5, 7)
    assert Setting(**json.loads(json.dumps(asdict(setting)))) == setting


@pytest.mark.parametrize(("name", "kind"), [("adam", Adam), ("adamw", AdamW), ("sgd", SGD)])
def test_an_optimizer_has_what_the_recipe_says(name, kind):
    recipe = Recipe(optimizer=name, lr=0.02, weight_decay=0.003, momentum=0.8)
    optimizer = optimizer_of(recipe, torch.nn.Linear(2, 2))
    group = optimizer.param_groups[0]
    assert type(optimizer) is kind
    assert (group["lr"], group["weight_decay"]) == (0.02, 0.003)
    if name == "sgd":
        assert (group["momentum"], group["nesterov"]) == (0.8, True)


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimizer = optimizer_of(recipe, torch.nn.Linear(2, 2))
    schedule = schedule_of(recipe, optimizer, 1, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_cosine_falls_from_the_rate_to_its_share():
    import math

    found = rates(Recipe(lr=0.1, schedule="cosine", eta_min=0.2), 50)
    expected = [0.02 + 0.08 * (1 + math.cos(math.pi * step / 50)) / 2 for step in range(50)]
    assert found == pytest.approx(expected)


def test_one_cycle_peaks_at_the_rate_after_its_warm_up():
    found = rates(Recipe(lr=0.1, schedule="one_cycle", warmup=0.25), 101)
    assert max(found) == pytest.approx(0.1, rel=1e-3)
    assert found.index(max(found)) == pytest.approx(24, abs=1)
    assert found[0] == pytest.approx(0.1 / 25)
    assert found[-1] < 1e-5


def test_one_cycle_peaks_at_the_factor_times_the_rate():
    found = rates(Recipe(lr=0.00182, schedule="one_cycle", peak_factor=6.74), 1000)
    assert max(found) == pytest.approx(0.00182 * 6.74, rel=1e-3)


def test_one_cycle_moves_adams_first_beta_only_when_asked():
    found = {}
    for asked in (True, False):
        recipe = Recipe(schedule="one_cycle", cycle_momentum=asked)
        optimizer = optimizer_of(recipe, torch.nn.Linear(2, 2))
        schedule = schedule_of(recipe, optimizer, 1, 100)
        betas = []
        for _ in range(100):
            betas.append(optimizer.param_groups[0]["betas"][0])
            optimizer.step()
            schedule.step()
        found[asked] = (betas[0], min(betas), betas[-1])
    assert found[False] == (0.9, 0.9, 0.9)
    assert found[True] == pytest.approx((0.95, 0.85, 0.95), abs=1e-3)


def test_cosine_rises_again_after_a_shorter_period():
    found = rates(Recipe(lr=0.1, schedule="cosine", t_max=0.5), 100)
    assert found[50] == pytest.approx(0, abs=1e-6)
    assert found[99] > 0.09


def test_halving_halves_after_every_so_many_epochs():
    recipe = Recipe(lr=0.8, schedule="halving", halve_every=2)
    optimizer = optimizer_of(recipe, torch.nn.Linear(2, 2))
    schedule = schedule_of(recipe, optimizer, 6, 5)
    found = []
    for _ in range(6):
        found.append(optimizer.param_groups[0]["lr"])
        for _ in range(5):
            optimizer.step()
            schedule.step()
    assert found == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2])


def test_constant_stays():
    assert rates(Recipe(lr=0.1, schedule="constant"), 5) == [0.1] * 5


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "constant", "halving"])
@pytest.mark.parametrize("warmup", [0.01, 0.1, 0.2, 0.25, 0.5, 0.99])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 10, 100])
def test_a_schedule_of_any_length_works(schedule, warmup, steps):
    found = rates(Recipe(schedule=schedule, warmup=warmup), steps)
    assert len(found) == steps
    assert all(0 <= rate <= 1.0001e-3 for rate in found)

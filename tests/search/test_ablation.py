"""Ablation: which combinations, and what is said of them."""

import numpy as np
import pytest
from scipy import stats

from search.selection.ablation import EffectEstimate, Variant, compare, effects, points, variants
from trainables.boundary.errors import UsageError

NIN = {
    "optimizer": "sgd",
    "lr": 0.1,
    "batch_norm": True,
    "dropout": 0.5,
    "region_swap": "random",
    "flip": False,
    "schedule": "constant",
    "eta_min": 0.1,
    "swap_probability": 0.5,
}


def test_every_combination_is_there_with_all_on_first():
    found = variants("nin", NIN, ["batch_norm", "dropout"])
    assert [variant.label for variant in found] == [
        "batch_norm+dropout",
        "batch_norm",
        "dropout",
        "none",
    ]
    switched = [(v.values["batch_norm"], v.values["dropout"]) for v in found]
    assert switched == [(True, 0.5), (True, 0.0), (False, 0.5), (False, 0.0)]
    assert all(v.values["lr"] == 0.1 for v in found)


def test_three_toggles_make_eight_combinations():
    found = variants("nin", NIN, ["batch_norm", "dropout", "region_swap"])
    assert len({variant.label for variant in found}) == 8
    assert {variant.values["region_swap"] for variant in found} == {"random", "none"}


@pytest.mark.parametrize(
    ("toggles", "message"),
    [
        ([], "name one part or more"),
        (["dropout", "dropout"], "each once"),
        (["colour"], "the setting has no such key"),
        (["flip"], "it is already off in this setting"),
        (["momentum"], "the setting has no such key"),
        (["lr"], "lr cannot be switched off"),
        (["optimizer"], "optimizer cannot be switched off"),
        (["eta_min"], "eta_min: it has no effect in this setting; it belongs to schedule"),
        (
            ["region_swap", "swap_probability"],
            "swap_probability: no effect while region_swap is off",
        ),
    ],
)
def test_a_part_that_cannot_be_toggled_is_refused(toggles, message):
    with pytest.raises(UsageError, match=message):
        variants("nin", NIN, toggles)


def test_every_combination_has_the_same_seeds():
    planned = points(variants("nin", NIN, ["batch_norm", "dropout"]), 3)
    assert len({point.label for point in planned}) == len(planned) == 12
    by_seed = {seed: sum(p.stream == seed for p in planned) for seed in range(3)}
    assert by_seed == {0: 4, 1: 4, 2: 4}


def test_an_interval_is_that_of_students_t():
    values = [0.7, 0.75, 0.72, 0.69]
    found = EffectEstimate.of(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.std == pytest.approx(np.std(values, ddof=1))


def test_the_interval_holds_the_true_mean_in_95_of_100_samples():
    rng = np.random.default_rng(0)
    found = [EffectEstimate.of(rng.normal(0.5, 0.1, 3)) for _ in range(4000)]
    assert np.mean([e.low <= 0.5 <= e.high for e in found]) == pytest.approx(0.95, abs=0.01)


def test_of_a_single_value_nothing_is_said():
    assert EffectEstimate.of([0.5]) is None


FOUND = [Variant(on, {}) for on in (("a", "b"), ("a",), ("b",), ())]
# a brings 0.10, b brings 0.02, both together another 0.04; each seed has a level of its own.
LEVELS = {0: 0.50, 1: 0.53, 2: 0.51}
ACCURACIES = {
    (v.label, seed): level
    + 0.10 * ("a" in v.on)
    + 0.02 * ("b" in v.on)
    + 0.04 * (v.on == ("a", "b"))
    for v in FOUND
    for seed, level in LEVELS.items()
}


def test_differences_are_taken_seed_by_seed():
    compared = {each.label: each for each in compare(FOUND, ACCURACIES)}
    assert compared["a+b"].difference is None
    assert compared["none"].difference.mean == pytest.approx(-0.16)
    assert compared["none"].difference.std == pytest.approx(0, abs=1e-12)
    assert compared["a"].accuracy.mean == pytest.approx(np.mean(list(LEVELS.values())) + 0.10)
    assert compared["a"].accuracy.std == pytest.approx(np.std(list(LEVELS.values()), ddof=1))


def test_an_effect_is_on_less_off_over_the_others():
    found = effects(FOUND, ACCURACIES)
    assert found["a"].mean == pytest.approx(0.10 + 0.04 / 2)
    assert found["b"].mean == pytest.approx(0.02 + 0.04 / 2)


def test_a_failed_trial_takes_its_seed_out_of_what_needs_it():
    some = {key: value for key, value in ACCURACIES.items() if key != ("a", 1)}
    compared = {each.label: each for each in compare(FOUND, some)}
    assert compared["a"].accuracy.seeds == compared["a"].difference.seeds == 2
    assert compared["b"].difference.seeds == 3
    assert effects(FOUND, some)["a"].seeds == 2

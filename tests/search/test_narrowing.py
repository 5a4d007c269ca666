"""A space narrowed around one setting."""

import math

import optuna
import pytest

from search.space.domain import Options, Range, Values, every_key
from search.space.narrowing import narrowed
from search.space.reader import SPACES, available, read_space, space_file
from search.space.sampler import SpaceSampler
from trainables.boundary.errors import UsageError

SPACE = read_space(SPACES / "gap5.yaml")
SETTING = {
    **SPACE.baseline,
    "optimizer": "sgd",
    "weight_decay": 0.001,
    "momentum": 0.9,
    "nesterov": True,
    "lr": 0.01,
    "batch_size": 64,
}


def near():
    return narrowed(SPACE, SETTING)


def test_the_setting_becomes_the_baseline_and_nothing_is_guessed():
    assert near().baseline == SETTING
    assert near().guesses == []


def test_a_range_keeps_a_quarter_of_its_width_around_the_value():
    momentum = near().search["optimizer"].options["sgd"]["momentum"]
    assert (momentum.low, momentum.high) == pytest.approx((0.9 - 0.0225, 0.9 + 0.0225))


def test_a_logarithmic_range_keeps_a_quarter_of_its_logarithms():
    lr = near().search["lr"]
    assert math.log(lr.high / lr.low) == pytest.approx(math.log(0.03 / 0.001) / 4)
    assert math.sqrt(lr.low * lr.high) == pytest.approx(0.01)


def test_at_the_end_of_a_range_the_quarter_lies_inside_it():
    smoothing = near().search["label_smoothing"]
    assert (smoothing.low, smoothing.high) == pytest.approx((0.0, 0.025))


def test_of_numbers_in_a_list_the_value_and_its_neighbours_stay():
    assert near().search["batch_size"].options == (64, 128)


def test_switches_stay_as_they_are():
    assert near().search["flip"].options == (True, False)


def test_of_options_the_chosen_one_stays():
    assert list(near().search["optimizer"].options) == ["sgd"]


@pytest.mark.parametrize("name", available())
def test_every_space_can_be_searched_around_its_baseline(name):
    space = read_space(space_file(name))
    found = narrowed(space, space.baseline)
    for (key, narrow), (_, wide) in zip(
        every_key(found.search), _kept(space, space.baseline), strict=True
    ):
        assert _within(narrow, wide), key


def _kept(space, values):
    """The keys of the space that exist with ``values``' choices, in order."""

    def walk(domains):
        for key, domain in domains.items():
            yield key, domain
            if isinstance(domain, Options):
                yield from walk(domain.options[str(values[key])])

    return walk(space.search)


def _within(narrow, wide) -> bool:
    if isinstance(wide, Range):
        return wide.low <= narrow.low < narrow.high <= wide.high
    if isinstance(wide, Values | Options):
        return set(narrow.options) <= set(wide.options)
    return narrow == wide


def test_what_is_drawn_is_near():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    draw = SpaceSampler(near(), {})
    for _ in range(20):
        values = draw(study.ask())
        assert values["optimizer"] == "sgd"
        assert 0.005 < values["lr"] < 0.02


def test_a_setting_of_another_space_is_refused():
    with pytest.raises(UsageError, match="--from-run: the space does not allow its setting") as e:
        narrowed(read_space(SPACES / "conv3.yaml"), SETTING)
    assert "\n" not in str(e.value)
    assert "pydantic" not in str(e.value)

"""Space files: read, validated, drawn from."""

import copy
from pathlib import Path

import optuna
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search.space.budget import Budget
from search.space.domain import every_key
from search.space.reader import SPACES, available, read_space, space_file
from search.space.sampler import SpaceSampler
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.recipe import RECIPE_KEYS, Setting

optuna.logging.set_verbosity(optuna.logging.ERROR)
# A space of one's own passes the other tests, whatever its budget is and whatever it searches.
SHIPPED = ("alexnet", "conv3", "gap5", "gap6", "nin", "resnet18")
GAP5 = yaml.safe_load((SPACES / "gap5.yaml").read_text())


def written(tmp_path: Path, *path_and_value) -> Path:
    """gap5's space with one value changed."""
    *path, last, value = path_and_value
    document = copy.deepcopy(GAP5)
    part = document
    for key in path:
        part = part[key]
    part[last] = value
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


@pytest.mark.parametrize("name", available())
def test_every_space_that_comes_along_is_valid(name):
    assert read_space(space_file(name)).architecture


FAULTS = [
    (("colour", 1), "colour: unknown key"),
    (("budget", "tirals", 3), "budget.tirals: unknown key"),
    (("search", "lr", {"low": 0.1, "high": 0.2, "lgo": True}), "search.lr.lgo: unknown key"),
    (("search", "widht", [1]), "widht is neither a recipe's key nor a parameter of gap5"),
    (("search", "optimizer", "sgd", "moment", 0.9), "moment is neither"),
    (("data", {"set": "composite", "sede": 1}), "data.sede: unknown key"),
    (("budget", "trials", "many"), "budget.trials must be of type int, not 'many'"),
    (("budget", "trials", 0), "budget.trials must be at least 1, not 0"),
    (("search", "lr", {"low": "a", "high": 1.0}), "search.lr: low must be a number, not 'a'"),
    (("search", "lr", {"low": 1.0, "high": 0.1}), "search.lr: low 1.0 is not below high 0.1"),
    (("search", "lr", {"low": 0.0, "high": 0.1, "log": True}), "needs low above 0"),
    (("search", "lr", []), "search.lr: a list must name one value or more"),
    (("search", "flip", [True, True]), "names a value twice"),
    (("search", "flip", ["yes"]), "flip must be of type bool"),
    (("search", "batch_size", [0, 64]), "batch_size must be at least 1"),
    (("search", "pool_stride", [1, 3]), "pool_stride must be at least 1 and at most 2"),
    (("search", "optimizer", {"adamx": {}}), "optimizer must be one of"),
    (("search", 3), "search must be a mapping, not 3"),
    (("architecture", "gap55"), "architecture 'gap55' does not exist"),
    (("data", {"set": "mnist"}), "data.set must be one of composite, cifar10, not 'mnist'"),
    (("data", {"set": "composite", "val": "all"}), "data.val must be of type int, not 'all'"),
    (("baseline", "lr", 7.0), "baseline: lr is 7.0, but the space allows 0.001 to 0.03"),
    (("baseline", "momentum", 0.9), "momentum is not a key of the search with these choices"),
    (("baseline", {"lr": 0.001}), "baseline: optimizer is missing"),
    (("embedded", "fix", {"colour": 1}), "the space has no key colour"),
    (("guesses", [{"lr": 7.0}]), "guesses.0: lr is 7.0, but the space allows 0.001 to 0.03"),
    (("guesses", [{"colour": 1}]), "guesses.0: colour is neither"),
    (("guesses", [{"region_swap": "middle"}]), "guesses.0: region_swap must be one of"),
    (("guesses", [{"swap_size": 0.4}]), "guesses.0: swap_size is not a key of the search"),
    (("search", "optimizer", {"adma": {}}), "optimizer must be one of adamw, adam, sgd"),
    (("source", "accuracy", 75), "source.accuracy must be at most 1, not 75"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS, ids=[m for _, m in FAULTS])
def test_a_fault_is_named_with_file_and_place_in_one_line(tmp_path, change, message):
    file = written(tmp_path, *change)
    with pytest.raises(UsageError) as caught:
        read_space(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: ")
    assert message in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "architecture: gap5", "\x00", "a: &x [*x]"])
def test_what_is_not_a_space_is_refused(tmp_path, text):
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(UsageError):
        read_space(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(key=st.sampled_from([*GAP5, *GAP5["search"]]), value=JSON)
def test_whatever_stands_at_a_key_gives_a_space_or_one_clear_line(tmp_path_factory, key, value):
    place = (key, value) if key in GAP5 else ("search", key, value)
    file = written(tmp_path_factory.mktemp("space"), *place)
    try:
        read_space(file)
    except UsageError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trials: 24,", "trials: 24, trials: 2,", "the key trials appears twice"),
        ("      momentum: {", "      lr: {low: 0.1, high: 0.2}\n      momentum: {", "remove one"),
        ("high: 0.03", "high: 1" + 400 * "0", "not a number so large"),
        ("high: 0.03", "high: 1" + 5000 * "0", "space.yaml"),
    ],
)
def test_what_yaml_would_let_pass_is_refused(tmp_path, old, new, message):
    file = tmp_path / "space.yaml"
    file.write_text((SPACES / "gap5.yaml").read_text().replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        read_space(file)


def test_numbers_with_an_exponent_are_numbers(tmp_path):
    text = (
        (SPACES / "gap5.yaml")
        .read_text()
        .replace("low: 0.001, high: 0.03", "low: 1e-3, high: 0.03")
    )
    file = tmp_path / "space.yaml"
    file.write_text(text)
    assert read_space(file).search["lr"].low == 0.001


@pytest.mark.parametrize("name", ["nope", "../gap5", "/etc/passwd", "nope.yaml", ""])
def test_a_space_that_is_not_there_is_refused(name):
    with pytest.raises(UsageError, match=r"does not exist|name a space of"):
        space_file(name)


def drawn(sampler: SpaceSampler, count: int) -> list[dict]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [sampler(study.ask()) for _ in range(count)]


@pytest.mark.parametrize("name", available())
def test_every_drawn_point_is_a_valid_setting(name):
    space = read_space(space_file(name))
    for values in drawn(SpaceSampler(space, {}), 100):
        setting = Setting.of(space.architecture, values, 1, 0)
        assert {**setting.parameters, **vars(setting.recipe)}.items() >= values.items()


def test_keys_of_an_option_exist_only_when_it_is_chosen():
    for values in drawn(SpaceSampler(read_space(SPACES / "gap5.yaml"), {}), 100):
        assert ("momentum" in values) == (values["optimizer"] == "sgd")
        assert ("warmup" in values) == (values["schedule"] == "one_cycle")
        assert ("eta_min" in values) == (values["schedule"] == "cosine")


def test_a_key_under_two_options_has_the_range_of_the_chosen_one():
    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), {})
    for values in drawn(sampler, 200):
        high = {"adam": 0.001, "adamw": 0.1, "sgd": 0.005}[values["optimizer"]]
        assert values["weight_decay"] <= high


def test_fixed_values_are_never_drawn():
    fixed = {"optimizer": "sgd", "momentum": 0.5, "lr": 0.5, "pool_stride": 2}
    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), fixed)
    for values in drawn(sampler, 30):
        assert fixed.items() <= values.items()


def test_an_enqueued_baseline_is_the_baseline():
    space = read_space(SPACES / "gap5.yaml")
    sampler, study = SpaceSampler(space, {}), optuna.create_study()
    study.enqueue_trial(sampler.first_points()[0])
    assert sampler(study.ask()) == space.baseline


def test_the_guesses_come_after_the_baseline_as_they_are_written():
    space = read_space(SPACES / "gap5.yaml")
    sampler, study = SpaceSampler(space, {}), optuna.create_study()
    for point in sampler.first_points():
        study.enqueue_trial(point)
    drawn = [sampler(study.ask()) for _ in range(1 + len(space.guesses))]
    assert drawn[0] == space.baseline
    assert all(
        guess.items() <= values.items()
        for guess, values in zip(space.guesses, drawn[1:], strict=True)
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_all_spaces_have_equal_budgets_so_that_a_leaderboard_compares_like_with_like(name):
    one, other = read_space(space_file(name)), read_space(space_file("gap5"))
    assert (one.budget, one.embedded.budget) == (other.budget, other.embedded.budget)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_architecture_parameter_and_recipe_part_is_searched(name):
    space = read_space(space_file(name))
    searched = {key for key, _ in every_key(space.search)}
    shortcut = {
        key
        for key in RECIPE_KEYS
        if key.startswith(("attended", "region", "swap", "reweight", "jtt"))
    }
    source_alone = {"conv3": {"dense"}}  # a size that its source fixes
    if name != "gap6":  # its source alone has it
        shortcut.add("cycle_momentum")
    user = {"class_weights", "sampling", "init"}  # of unequal classes, and of weights at hand
    wanted = (
        set(RECIPE_KEYS) - user - (shortcut if space.data.set == "cifar10" else {"cycle_momentum"})
    )
    wanted |= set(architectures.parameters(space.architecture)) - source_alone.get(name, set())
    assert wanted <= searched


def test_a_baseline_with_a_fixed_choice_keeps_the_rest():
    space = read_space(SPACES / "gap5.yaml")
    sampler, study = SpaceSampler(space, {"optimizer": "sgd"}), optuna.create_study()
    study.enqueue_trial(sampler.first_points()[0])
    values = sampler(study.ask())
    assert values["optimizer"] == "sgd"
    assert 0.8 <= values["momentum"] <= 0.98
    assert values["lr"] == space.baseline["lr"]


@pytest.mark.parametrize(("epochs", "grace"), [(20, 5), (8, 5), (5, 5), (1, 5), (40, 5), (None, 5)])
def test_the_grace_is_the_spaces_whatever_the_epochs(epochs, grace):
    budget = Budget(trials=9, epochs=20, grace_epochs=5).asked(None, epochs)
    assert (budget.trials, budget.epochs, budget.grace_epochs) == (9, epochs or 20, grace)


def test_the_sampler_pickles():
    import pickle

    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), {"lr": 0.001})
    assert pickle.loads(pickle.dumps(sampler)).first_points()[0] == sampler.first_points()[0]

"""What Optuna is told of every way that a trial can end."""

import json
from dataclasses import replace

import pytest
from made_up import JOB, history
from optuna.trial import TrialState

from search.proposals.searcher import OptunaSearcher
from search.space.constraints import Limit
from search.space.reader import SPACES, read_space
from search.space.sampler import SpaceSampler
from search.trials.checkpoints import EARLIER
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from search.trials.spec import BASELINE, TrialSpec

EPOCHS = JOB.epochs


def searcher(seed: int = 0) -> OptunaSearcher:
    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), {})
    return OptunaSearcher(sampler, replace(JOB, seed=seed), 20)


def run(search: OptunaSearcher, accuracies: list[float], error: bool = False, name="a"):
    """Suggest a trial and let it report; as Tune does, the last result comes with the end."""
    number = search.suggest(name)["number"]
    results = [{"epoch": e, "val_accuracy": a} for e, a in enumerate(accuracies, start=1)]
    for result in results[: None if error else -1]:
        search.on_trial_result(name, result)
    search.on_trial_complete(name, None if error else (results or [None])[-1], error)
    return search.study.trials[number]


def test_a_whole_trial_is_complete_with_its_best_epochs_value():
    trial = run(searcher(), [0.2, 0.6, 0.5, 0.4])
    assert trial.state == TrialState.COMPLETE
    assert trial.value == 0.6
    assert trial.intermediate_values == {1: 0.2, 2: 0.6, 3: 0.5, 4: 0.4}


def test_a_stopped_trial_is_pruned_with_all_its_intermediate_values():
    trial = run(searcher(), [0.2, 0.3])
    assert trial.state == TrialState.PRUNED
    assert trial.intermediate_values == {1: 0.2, 2: 0.3}


def test_every_epoch_of_a_report_is_an_intermediate_value():
    search = searcher()
    number = search.suggest("a")["number"]
    figures = [{"epoch": e, "val_accuracy": a} for e, a in enumerate((0.2, 0.6, 0.5, 0.4), start=1)]
    search.on_trial_result("a", {**figures[1], EARLIER: figures[:1]})
    search.on_trial_complete("a", {**figures[3], EARLIER: figures[2:3]})
    trial = search.study.trials[number]
    assert trial.intermediate_values == {1: 0.2, 2: 0.6, 3: 0.5, 4: 0.4}
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.6)


def test_a_constraint_is_measured_at_a_best_epoch_between_two_reports():
    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), {})
    bounds = {"digit_following": Limit(max=0.1)}
    search = OptunaSearcher(sampler, JOB, 20, constraints=bounds)
    number = search.suggest("a")["number"]
    best = {"epoch": 1, "val_accuracy": 0.6, "digit_following": 0.3}
    last = {"epoch": 2, "val_accuracy": 0.5, "digit_following": 0.0}
    search.on_trial_complete("a", {**last, EARLIER: [best]})
    (excess,) = search.study.trials[number].constraints.values()
    assert excess == pytest.approx(0.2)


def test_a_failed_trial_is_failed_and_without_a_value():
    trial = run(searcher(), [0.2, 0.3], error=True)
    assert trial.state == TrialState.FAIL
    assert trial.value is None


def test_a_trial_that_fails_before_its_first_report_is_failed():
    assert run(searcher(), [], error=True).state == TrialState.FAIL


def test_a_trial_that_ends_without_any_report_is_failed():
    search = searcher()
    search.suggest("a")
    search.on_trial_complete("a")
    assert search.study.trials[0].state == TrialState.FAIL


def test_an_end_that_is_told_twice_counts_once():
    search = searcher()
    run(search, [0.2, 0.6, 0.5, 0.4])
    search.on_trial_complete("a", error=True)
    assert search.study.trials[0].state == TrialState.COMPLETE


def test_no_trial_is_left_running():
    search = searcher()
    for name, (accuracies, error) in enumerate([([0.1], False), ([0.1], True), ([0.5] * 4, False)]):
        run(search, accuracies, error, str(name))
    states = [trial.state for trial in search.study.trials]
    assert states == [TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE]


def test_trial_0_is_the_baseline():
    first = TrialSpec.from_config(searcher().suggest("a"))
    assert (first.number, first.label) == (0, BASELINE)
    assert first.values == read_space(SPACES / "gap5.yaml").baseline


def suggested(search: OptunaSearcher, count: int = 12) -> list[TrialSpec]:
    specs = []
    for number in range(count):
        specs.append(TrialSpec.from_config(search.suggest(str(number))))
        results = [{"epoch": e, "val_accuracy": specs[-1].values["lr"]} for e in range(1, 5)]
        search.on_trial_complete(str(number), results[-1])
    return specs


def test_the_same_seed_suggests_the_same_trials_and_another_others():
    first, again, other = (suggested(searcher(seed)) for seed in (3, 3, 4))
    assert first == again
    assert [each.values for each in first[1:]] != [each.values for each in other[1:]]


def test_every_trial_has_a_training_seed_of_its_own():
    specs = suggested(searcher())
    assert len({each.setting.seed for each in specs}) == len(specs)


def test_a_specification_survives_json():
    first = TrialSpec.from_config(searcher().suggest("a"))
    assert TrialSpec.from_config(json.loads(json.dumps(first.as_config()))) == first


def recalled(specs: list[TrialSpec], statuses: dict[int, str]) -> list[TrialHistory]:
    """The trials as their files hold them, each with epochs whose accuracy is its rate."""
    return [
        history(
            asked,
            [asked.values["lr"]] * (2 if asked.number in statuses else EPOCHS),
            statuses.get(asked.number, "completed"),
        )
        for asked in specs
    ]


def live(search: OptunaSearcher, count: int) -> list[TrialSpec]:
    """As ``recalled``, told as they go: trial 2 is pruned, trial 3 fails, trial 4 still runs."""
    specs = []
    for number in range(count):
        specs.append(TrialSpec.from_config(search.suggest(str(number))))
        accuracy = specs[-1].values["lr"]
        epochs = 2 if number in (2, 3, 4) else EPOCHS
        for epoch in range(1, epochs + 1):
            search.on_trial_result(str(number), {"epoch": epoch, "val_accuracy": accuracy})
        if number != 4:
            search.on_trial_complete(str(number), error=number == 3)
    return specs


@pytest.mark.parametrize("count", [3, 8, 30])
def test_a_searcher_that_recalls_the_trials_suggests_what_the_other_would_have(count):
    first, second = searcher(3), searcher(3)
    specs = live(first, count)
    for each in recalled(specs, {2: "pruned", 3: "failed", 4: "interrupted"}):
        second.recall(each)
    states = [trial.state for trial in first.study.trials]
    assert [trial.state for trial in second.study.trials] == states
    assert [second.suggest(f"next{n}") for n in (0, 1)] == [
        first.suggest(f"next{n}") for n in (0, 1)
    ]


def test_a_trial_that_went_on_is_told_of_under_its_own_name():
    search = searcher()
    specs = live(searcher(), 5)
    for each in recalled(specs, {2: "pruned", 3: "failed", 4: "interrupted"}):
        search.recall(each)
    search.on_trial_result("4", {"epoch": 3, "val_accuracy": 0.7})
    search.on_trial_complete("4", {"epoch": 4, "val_accuracy": 0.8})
    trial = search.study.trials[4]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.8)
    assert set(trial.intermediate_values) == {1, 2, 3, 4}


def test_a_number_that_was_never_begun_is_suggested_first():
    search, specs = searcher(3), suggested(searcher(3), 4)
    for each in recalled([each for each in specs if each.number != 1], {}):
        search.recall(each)
    assert [search.suggest(name)["number"] for name in "ab"] == [1, 4]


def test_what_a_failed_trial_reports_is_no_epoch():
    search = searcher()
    search.suggest("a")
    search.on_trial_complete("a", {"epoch": 0, "val_accuracy": float("nan"), FAILED: "it broke"})
    assert search.study.trials[0].state == TrialState.FAIL
    assert search.study.trials[0].intermediate_values == {}


@pytest.mark.parametrize("key", ["architecture", "epochs", "cpus"])
def test_a_suggestion_carries_what_the_trials_share(key):
    assert searcher().suggest("a")["job"][key] == getattr(JOB, key)


def test_a_trial_that_ended_is_forgotten_and_its_number_not_given_again():
    search = searcher()
    for number in range(5):
        run(search, [0.1], name=str(number))
    assert search.suggest("next")["number"] == 5
    search.on_trial_complete("0", {"epoch": 2, "val_accuracy": 0.9})
    assert search.study.trials[0].intermediate_values == {1: 0.1}


BOUND = {"digit_following": Limit(max=0.08)}


def bound(constraints=BOUND) -> OptunaSearcher:
    sampler = SpaceSampler(read_space(SPACES / "gap5.yaml"), {})
    return OptunaSearcher(sampler, JOB, 20, constraints=constraints)


def followed(search: OptunaSearcher, figures: list[tuple[float, float]], name: str = "a"):
    """Let a trial report accuracy and digit following after each epoch, and end."""
    number = search.suggest(name)["number"]
    results = [
        {"epoch": epoch, "val_accuracy": accuracy, "digit_following": following}
        for epoch, (accuracy, following) in enumerate(figures, start=1)
    ]
    for result in results[:-1]:
        search.on_trial_result(name, result)
    search.on_trial_complete(name, results[-1])
    return search.study.trials[number]


def test_optuna_is_told_how_far_the_best_epoch_is_beyond_a_constraint():
    trial = followed(bound(), [(0.2, 0.01), (0.6, 0.2), (0.5, 0.05), (0.4, 0.3)])
    assert trial.constraints == {"digit_following": pytest.approx(0.12)}


def test_a_stopped_trials_constraint_is_told_too():
    trial = followed(bound(), [(0.2, 0.05)])
    assert trial.state == TrialState.PRUNED
    assert trial.constraints == {"digit_following": pytest.approx(-0.03)}


def test_the_best_trial_by_optuna_holds_the_constraint():
    search = bound()
    followed(search, [(0.9, 0.3)] * EPOCHS, "cheat")
    honest = followed(search, [(0.6, 0.03)] * EPOCHS, "honest")
    assert search.study.best_trial.number == honest.number


def test_the_sampler_draws_nearer_to_trials_that_hold_the_constraint():
    """Of twenty trials those with a small rate hold it and are the less accurate."""

    def drawn(constraints) -> float:
        search, rates = bound(constraints), []
        for number in range(40):
            rate = search.suggest(str(number))["values"]["lr"]
            figures = {"val_accuracy": rate, "digit_following": 0.0 if rate < 0.004 else 0.5}
            for epoch in range(1, EPOCHS + 1):
                search.on_trial_result(str(number), {"epoch": epoch, **figures})
            search.on_trial_complete(str(number))
            rates.append(rate)
        return sum(rate < 0.004 for rate in rates[20:]) / 20

    assert drawn(BOUND) > drawn({}) + 0.3


def test_settings_of_another_search_are_tried_right_after_the_baseline():
    space = read_space(SPACES / "gap5.yaml")
    warm = {**space.baseline, "lr": 0.0123}
    search = OptunaSearcher(SpaceSampler(space, {}, (warm,)), JOB, 20)
    first, second = (search.suggest(name)["values"] for name in "ab")
    assert (first, second) == (space.baseline, warm)


def test_the_guesses_of_a_space_are_marked_and_no_other_trial_is():
    space = read_space(SPACES / "gap5.yaml")
    warm = {**space.baseline, "lr": 0.0123}
    search = OptunaSearcher(SpaceSampler(space, {}, (warm,)), JOB, 20)
    marked = [search.suggest(str(number))["guessed"] for number in range(6)]
    assert marked == [False, False, True, True, False, False]


def test_a_guess_that_an_earlier_search_has_too_is_marked():
    space = read_space(SPACES / "gap5.yaml")
    warm = ({**space.baseline, "lr": 0.5}, space.guesses[1])
    search = OptunaSearcher(SpaceSampler(space, {}, warm), JOB, 20)
    marked = [search.suggest(str(number))["guessed"] for number in range(5)]
    assert marked == [False, False, True, True, False]


def test_a_guess_that_is_the_baseline_is_none():
    space = read_space(SPACES / "gap5.yaml")
    same = space.model_copy(update={"guesses": [space.baseline]})
    search = OptunaSearcher(SpaceSampler(same, {}), JOB, 20)
    assert [search.suggest(name)["guessed"] for name in "ab"] == [False, False]


@pytest.mark.parametrize(("trials", "random"), [(4, 4), (8, 4), (16, 8), (24, 10), (200, 10)])
def test_half_of_the_trials_and_ten_at_most_come_before_the_first_that_is_learnt(trials, random):
    space = read_space(SPACES / "gap5.yaml")
    search = OptunaSearcher(SpaceSampler(space, {}), JOB, trials)
    assert search.study.sampler._n_startup_trials == random

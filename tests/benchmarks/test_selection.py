"""Simulated searches over recorded trainings, on constructed cases whose answer is known."""

import json
import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from benchmarks.candidates import Candidate
from benchmarks.choosing import (
    CONVOY,
    FINALIST_SEEDS,
    RULES,
    Chance,
    choose,
    trained_epochs,
)
from benchmarks.selection import main
from benchmarks.selection_curves import LearningCurve
from benchmarks.trainings import Trainings
from benchmarks.verdict import Verdict
from search.space import Budget
from trainables.boundary.errors import UsageError

SEEDS = 6
WHOLE = Budget(trials=12, epochs=2, grace_epochs=2)  # stops nothing
HALVED = Budget(trials=12, epochs=8, grace_epochs=3, reduction_factor=3)
SEARCHES = 1500


def trainings(histories: dict[tuple[str, int], list], aligned: dict | None = None) -> Trainings:
    """Of (S, E) or (E,) accuracies by candidate; the unseen images find as the validation's."""
    shape = (SEEDS, np.shape(next(iter(histories.values())))[-1])

    def table(values: dict) -> np.ndarray:
        return np.stack([np.broadcast_to(values[key], shape).astype(float) for key in histories])

    conflicting = table(histories)
    agreeing = table({**histories, **(aligned or {})})
    candidates = tuple(Candidate(*key, {"schedule": "constant"}) for key in histories)
    return Trainings(candidates, agreeing, conflicting, 0.1 * agreeing + 0.9 * conflicting)


def chosen(table: Trainings, rule, budget: Budget = WHOLE, searches: int = SEARCHES) -> np.ndarray:
    """How often each candidate is chosen, as a share."""
    counts = np.zeros(len(table.candidates))
    for number in range(searches):
        chance = Chance.draw(table, budget.trials, np.random.default_rng(number))
        epochs = trained_epochs(table, chance, budget, rule.ladders, rule.validation)
        counts[choose(rule, table, chance, epochs).candidate] += 1
    return counts / searches


def close(share: float, searches: int = SEARCHES) -> object:
    """Equal up to four standard errors of so many draws."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / searches))


SLOW, FAST = (3, 9)  # settings of the better architecture, and of the one that learns faster


def slow_and_fast() -> Trainings:
    slow = {("slow", n): [0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9] for n in range(1, SLOW + 1)}
    fast = {("fast", n): [0.2, 0.4, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6] for n in range(1, FAST + 1)}
    return trainings({**slow, **fast})


def share_in_which_a_slow_one_survives() -> float:
    """By every order: on one rung after epoch 3, the third that is best so far goes on."""
    orders = list(combinations(range(SLOW + FAST), SLOW))
    survived = 0
    for slow in orders:
        values = [0.2 if place in slow else 0.5 for place in range(SLOW + FAST)]
        survived += any(
            place == 0 or values[place] >= np.percentile(values[:place], 100 * 2 / 3)
            for place in slow
        )
    return survived / len(orders)


def test_a_better_architecture_that_learns_slower_is_always_chosen_on_a_ladder_of_its_own():
    shares = chosen(slow_and_fast(), replace(CONVOY, finalists=False), HALVED, 300)
    assert shares[:SLOW].sum() == 1


@pytest.mark.parametrize("finalists", [True, False])
def test_on_one_ladder_it_is_chosen_when_it_comes_early_enough(finalists):
    expected = share_in_which_a_slow_one_survives()
    assert expected < 0.3
    rule = replace(CONVOY, ladders="pooled", finalists=finalists)
    assert chosen(slow_and_fast(), rule, HALVED)[:SLOW].sum() == close(expected)


def test_a_baseline_is_trained_to_the_end_on_whatever_ladder():
    table = trainings(
        {("slow", 0): [0.0] * 8, **{("fast", n): [0.5] * 8 for n in range(1, 6)}},
    )
    chance = replace(chance_of(table), order=np.array([1, 2, 3, 4, 5, 0]))
    assert trained_epochs(table, chance, HALVED, "pooled", "unbiased")[0] == 8


def test_trials_whose_rate_anneals_are_compared_with_each_other_alone():
    table = trainings({("one", n): [0.5 - n / 10] * 8 for n in range(1, 5)})
    annealed = replace(table.candidates[3], values={"schedule": "cosine"})
    apart = replace(table, candidates=(*table.candidates[:3], annealed))
    order = np.arange(4)
    chance = replace(chance_of(table), order=order)
    assert trained_epochs(table, chance, HALVED, "pooled", "unbiased")[3] == 3
    assert trained_epochs(apart, chance, HALVED, "pooled", "unbiased")[3] == 8


def chance_of(table: Trainings, seed: int = 0) -> Chance:
    return Chance.draw(table, 12, np.random.default_rng(seed))


CHEAT, HONEST = ("one", 1), ("one", 2)


def cheat_and_honest() -> Trainings:
    return trainings({CHEAT: [0.5, 0.5], HONEST: [0.7, 0.7]}, {CHEAT: [1.0, 1.0]})


@pytest.mark.parametrize("rule", RULES)
def test_a_cheat_is_chosen_on_biased_images_and_on_no_others(rule):
    biased = float(rule.validation == "biased")
    assert list(chosen(cheat_and_honest(), rule, searches=20)) == [biased, 1 - biased]


def test_the_regret_of_a_cheat_is_what_it_lacks_on_unbiased_images():
    verdict = Verdict.of(cheat_and_honest(), WHOLE, searches=5, seed=0)
    figures = verdict.row(replace(CONVOY, validation="biased")).figures
    assert figures["regret"].mean == pytest.approx(0.7 - (0.1 * 1.0 + 0.9 * 0.5))
    assert figures["overstated"].mean == pytest.approx(0.64 * 1.0 + 0.36 * 0.5 - 0.55)
    assert verdict.row(CONVOY).figures["regret"].mean == 0


LUCKY = 4


def steady_and_lucky() -> Trainings:
    """The best setting is at 0.7 always, each other at 0.9 with one seed of six, else at 0.5."""
    lucky = np.full((SEEDS, 2), 0.5)
    lucky[2] = 0.9
    return trainings({("one", 1): [0.7, 0.7], **{("one", 2 + n): lucky for n in range(LUCKY)}})


def test_without_finalists_the_best_is_chosen_when_no_other_is_lucky():
    shares = chosen(steady_and_lucky(), replace(CONVOY, finalists=False))
    assert shares[0] == close((1 - 1 / SEEDS) ** LUCKY)


def test_with_finalists_it_is_chosen_whenever_it_is_among_the_three():
    # Retrained, a lucky one has at most one seed of three at 0.9, and the mean 0.633.
    crowded = sum(
        math.comb(LUCKY, n) * (1 / SEEDS) ** n * (1 - 1 / SEEDS) ** (LUCKY - n)
        for n in range(3, LUCKY + 1)
    )
    assert chosen(steady_and_lucky(), CONVOY)[0] == close(1 - crowded)


def test_what_a_search_reports_of_a_lucky_trial_is_its_luck():
    # Chosen without finalists, it is at 0.9, and truly at (0.9 + 5 * 0.5) / 6.
    table = trainings(
        {("one", 1): [0.1, 0.1], ("one", 2): [[0.9, 0.9], *[[0.5, 0.5]] * (SEEDS - 1)]}
    )
    verdict = Verdict.of(table, WHOLE, SEARCHES, seed=0)
    true, unlucky = (0.9 + 5 * 0.5) / 6, 1 - 1 / SEEDS
    alone = verdict.row(replace(CONVOY, finalists=False)).figures
    spread = 0.4 * math.sqrt(unlucky * (1 - unlucky) / SEARCHES)
    assert alone["luck"].mean == alone["overstated"].mean
    assert alone["luck"].mean == pytest.approx(0.0, abs=4 * spread)  # nothing to choose among
    assert alone["unused"].mean == pytest.approx(true, abs=4 * spread)


def test_a_finalist_is_never_trained_with_its_trials_seed():
    table = steady_and_lucky()
    for number in range(50):
        chance = chance_of(table, number)
        assert chance.fresh.shape == (len(table.candidates), FINALIST_SEEDS)
        for index, (seed, fresh) in enumerate(zip(chance.seeds, chance.fresh, strict=True)):
            together = {int(seed), *fresh.tolist(), *chance.unused(index, SEEDS).tolist()}
            assert len({int(seed), *fresh.tolist()}) == 1 + FINALIST_SEEDS
            assert together == set(range(SEEDS))


def test_a_search_tries_so_many_settings_of_each_architecture_and_all_equally_often():
    names = [("one", n) for n in range(5)] + [("two", n) for n in range(3)]
    table = trainings({key: [0.5, 0.5] for key in names})
    tried = np.zeros(len(names))
    for number in range(SEARCHES):
        chance = Chance.draw(table, 3, np.random.default_rng(number))
        assert len(set(chance.order)) == 6
        tried[chance.order] += 1
    assert tried[5:].tolist() == [SEARCHES] * 3
    for share in tried[:5] / SEARCHES:
        assert share == close(3 / 5)


def test_what_was_not_tried_is_neither_chosen_nor_missed():
    table = trainings({("one", n): [n / 10, n / 10] for n in range(5)})
    one = Budget(trials=1, epochs=2, grace_epochs=2)
    figures = Verdict.of(table, one, searches=20, seed=0).row(CONVOY).figures
    assert figures["setting"].mean == figures["architecture"].mean == 1
    assert figures["regret"].mean == 0


def test_one_search_of_all_has_as_many_finalists_as_all_searches_have():
    # Five settings of each; those of the first are all ahead, by their trials' seed alone.
    ahead = np.full((SEEDS, 2), 0.1)
    ahead[0] = 0.9
    names = [(name, n) for name in ("one", "two") for n in range(1, 6)]
    table = trainings({key: ahead if key[0] == "one" else [0.2, 0.2] for key in names})
    count = len(names)
    chance = Chance(np.arange(count), np.zeros(count, int), np.tile([1, 2, 3], (count, 1)))
    epochs = np.full(count, 2)
    for ladders in ("separate", "pooled"):  # the sixth finalist of all is the first of the others
        choice = choose(replace(CONVOY, ladders=ladders), table, chance, epochs)
        assert names[choice.candidate] == ("two", 1)
        assert choice.score == pytest.approx(0.2)


@pytest.mark.parametrize(("epoch", "expected"), [("best", 0), ("last", 1)])
def test_a_trial_is_judged_by_its_best_epoch_or_its_last(epoch, expected):
    table = trainings({("one", 1): [0.9, 0.5], ("one", 2): [0.6, 0.6]})
    for finalists in (True, False):
        rule = replace(CONVOY, epoch=epoch, finalists=finalists)
        assert chosen(table, rule, searches=10)[expected] == 1


def test_a_setting_is_worth_what_unseen_images_say_of_its_best_epochs():
    seen = np.array([[[0.2, 0.6, 0.5], [0.7, 0.1, 0.2]]])
    unseen = np.array([[[0.1, 0.3, 0.9], [0.5, 0.9, 0.9]]])
    table = Trainings((Candidate("one", 0, {}),), seen, seen, unseen)
    assert table.truth == pytest.approx([(0.3 + 0.5) / 2])


def test_a_training_that_diverges_is_never_chosen_and_worth_nothing():
    table = trainings({("one", 1): [0.9, math.nan], ("one", 2): [0.3, 0.3]})
    assert list(table.truth) == pytest.approx([0.0, 0.3])
    for rule in RULES:
        assert chosen(table, rule, searches=5)[1] == 1


def curve(architecture: str, number: int, seed: int) -> LearningCurve:
    kinds = [
        f"{split}_accuracy_{kind}"
        for split in ("val", "test")
        for kind in ("aligned", "conflicting")
    ]
    return LearningCurve(
        architecture, number, seed, {name: [seed / 10, number / 10] for name in kinds}
    )


def test_recorded_curves_are_put_where_their_candidate_and_seed_are():
    candidates = [Candidate("two", 1, {}), Candidate("one", 0, {})]
    curves = [curve(name, n, seed) for seed in (1, 0) for name, n in (("one", 0), ("two", 1))]
    table = Trainings.of(candidates, curves)
    assert table.aligned[0].tolist() == [[0.0, 0.1], [0.1, 0.1]]
    assert table.conflicting[1].tolist() == [[0.0, 0.0], [0.1, 0.0]]


def test_either_split_may_be_the_one_that_searches_see():
    plain = curve("one", 0, 0).metrics
    metrics = {
        **plain,
        "test_accuracy_aligned": [0.8, 0.6],
        "test_accuracy_conflicting": [0.3, 0.1],
    }
    only = [LearningCurve("one", 0, 0, {**metrics, "val_accuracy_aligned": [1.0, 1.0]})]
    seen, exchanged = (Trainings.of([Candidate("one", 0, {})], only, s) for s in ("val", "test"))
    assert seen.aligned.tolist() == [[[1.0, 1.0]]]
    assert exchanged.aligned.tolist() == [[[0.8, 0.6]]]
    assert seen.unseen.tolist()[0][0] == pytest.approx(
        [0.1 * 0.8 + 0.9 * 0.3, 0.1 * 0.6 + 0.9 * 0.1]
    )
    assert exchanged.unseen.tolist()[0][0] == pytest.approx([0.1, 0.1])


def test_the_epochs_of_a_search_are_its_trials_and_its_finalists():
    table = trainings({("one", n): [0.5] * 8 for n in range(1, 5)})
    falling = np.array([0.9, 0.8, 0.7, 0.6])[:, None, None] * np.ones((4, SEEDS, 8))
    table = replace(table, aligned=falling, conflicting=falling)
    chance = replace(chance_of(table), order=np.arange(4))  # each below all before it
    epochs = trained_epochs(table, chance, HALVED, "separate", "unbiased")
    assert epochs.tolist() == [8, 3, 3, 3]
    assert choose(replace(CONVOY, finalists=False), table, chance, epochs).epochs == 17
    assert choose(CONVOY, table, chance, epochs).epochs == 17 + 3 * FINALIST_SEEDS * 8


@pytest.mark.parametrize("lost", [0, 3])
def test_a_table_that_lacks_a_training_is_refused(lost):
    candidates = [Candidate("one", 0, {}), Candidate("one", 1, {})]
    curves = [curve("one", n, seed) for seed in (0, 1) for n in (0, 1)]
    del curves[lost]
    with pytest.raises(UsageError, match="trains what is missing"):
        Trainings.of(candidates, curves)


def test_too_few_seeds_for_finalists_are_refused():
    table = steady_and_lucky()
    few = replace(
        table, **{n: getattr(table, n)[:, :4] for n in ("aligned", "conflicting", "unseen")}
    )
    with pytest.raises(UsageError, match="5 seeds or more are needed, not 4"):
        Verdict.of(few, WHOLE, searches=2, seed=0)


def test_the_command_repeats_itself_by_its_seed(tmp_path, capsys):
    found = []
    for place, seed in enumerate(("1", "1", "2")):
        file = tmp_path / f"{place}.json"
        assert main(["--resamples", "3", "--seed", seed, "--json", str(file)]) == 0
        written = json.loads(file.read_text())
        found.append((written["val"], written["test"]))
    assert found[0] == found[1] != found[2]
    assert found[0][0]["rows"] != found[0][1]["rows"]
    assert "3 searches, seed 2" in capsys.readouterr().out


def test_the_differences_are_those_of_the_same_searches(tmp_path):
    file = tmp_path / "selection.json"
    assert main(["--resamples", "4", "--json", str(file)]) == 0
    written = json.loads(file.read_text())["val"]
    means = {
        tuple(row["rule"].values()): {k: v["mean"] for k, v in row["figures"].items()}
        for row in written["rows"]
    }
    assert len(means) == 16
    for name, finalists in (("for all architectures", True), ("neither finalists", False)):
        separate, pooled = (
            means[each, "best", finalists, "unbiased"] for each in ("separate", "pooled")
        )
        change = next(v for k, v in written["changes"].items() if k.endswith(name))
        for figure, estimate in change.items():
            assert estimate["mean"] == pytest.approx(pooled[figure] - separate[figure])


def test_the_figure_is_drawn_where_it_is_asked_for(tmp_path):
    from PIL import Image

    file = tmp_path / "selection.png"
    assert main(["--resamples", "2", "--figure", str(file)]) == 0
    with Image.open(file) as image:
        assert image.width >= 800


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--resamples", "1"], "--resamples must be 2 or more"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--json", "/no/such/folder/file"], "is not there"),
        (["--figure", "/no/such/folder/file.png"], "is not there"),
        (["--figure", "figure.pdf"], "ends in .png"),
        (["--resamples", "many"], "invalid int value"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, told, capsys):
    assert main(flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1

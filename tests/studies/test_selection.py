"""The study of choices: its recorded table, a constructed case, and a small run of each command."""

import json
import math
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from PIL import Image

from search.space.budget import Budget
from studies.selection import recording
from studies.selection.__main__ import main, scores
from studies.selection.choosing import (
    CONVOY,
    FINALIST_SEEDS,
    AccuracyTable,
    RandomDraws,
    choose,
    trained_epochs,
)
from studies.selection.recording import (
    CURVES,
    EPOCHS,
    SEEDS,
    SEEN,
    SETTINGS,
    UNSEEN,
    RecordedCurve,
    StudySetting,
    Training,
    read_lines,
    record,
)

SLOW, FAST = 3, 9  # settings of the better architecture, and of the one that learns faster
BUDGET = Budget(trials=12, epochs=8, grace_epochs=3, reduction_factor=3)


def test_the_recorded_table_has_every_figure_of_every_seed_of_every_setting():
    settings, curves = read_lines(StudySetting, SETTINGS), read_lines(RecordedCurve, CURVES)
    expected = [(s.architecture, s.number, seed) for s in settings for seed in range(SEEDS)]
    assert [curve.key for curve in curves] == expected
    for curve in curves:
        assert set(curve.metrics) == {*SEEN, *UNSEEN}
        assert {len(history) for history in curve.metrics.values()} == {EPOCHS}
        assert all(0 <= value <= 1 for value in chain(*curve.metrics.values()))


def test_a_table_that_lacks_a_training_is_refused():
    settings, curves = read_lines(StudySetting, SETTINGS), read_lines(RecordedCurve, CURVES)
    with pytest.raises(recording.UsageError, match="train the missing ones"):
        AccuracyTable.of(settings, curves[1:])


def constructed() -> AccuracyTable:
    slow = {("slow", n): [0.1, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9] for n in range(1, SLOW + 1)}
    fast = {("fast", n): [0.2, 0.4, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6] for n in range(1, FAST + 1)}
    rows = np.array([[history] * SEEDS for history in (slow | fast).values()])
    settings = tuple(StudySetting(*key, {"schedule": "constant"}) for key in slow | fast)
    return AccuracyTable(settings, rows, rows, rows)


def share_of_slow(rule, searches: int) -> float:
    """How often one of the slow settings is chosen."""
    table, slow = constructed(), 0
    for number in range(searches):
        draws = RandomDraws.of(table, BUDGET.trials, np.random.default_rng(number))
        epochs = trained_epochs(rule, table, draws, BUDGET)
        slow += choose(rule, table, draws, epochs).setting < SLOW
    return slow / searches


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
    assert share_of_slow(CONVOY, 50) == 1


def test_on_one_ladder_it_is_chosen_when_it_comes_early_enough():
    expected, searches = share_in_which_a_slow_one_survives(), 800
    spread = math.sqrt(expected * (1 - expected) / searches)
    assert expected < 0.3
    pooled = share_of_slow(replace(CONVOY, ladders="pooled"), searches)
    assert pooled == pytest.approx(expected, abs=4 * spread)


def test_a_cheat_is_chosen_on_biased_images_alone_and_costs_what_it_lacks_on_unbiased_ones():
    agreeing, conflicting = (
        np.array([[[right] * 2] * SEEDS for right in rights]) for rights in ((1.0, 0.7), (0.5, 0.7))
    )
    unseen = 0.1 * agreeing + 0.9 * conflicting
    settings = tuple(StudySetting("one", n, {"schedule": "constant"}) for n in (1, 2))
    table = AccuracyTable(settings, agreeing, conflicting, unseen)
    draws = RandomDraws.of(table, 2, np.random.default_rng(0))
    whole = np.array([2, 2])
    cheat = choose(replace(CONVOY, validation="biased"), table, draws, whole)
    honest = choose(CONVOY, table, draws, whole)
    assert (cheat.setting, honest.setting) == (0, 1)
    assert scores(cheat, table, draws)["regret"] == pytest.approx(0.7 - (0.1 * 1.0 + 0.9 * 0.5))
    assert scores(cheat, table, draws)["overstated"] == pytest.approx(0.64 + 0.36 * 0.5 - 0.55)
    assert scores(honest, table, draws)["regret"] == 0


def test_a_finalist_is_never_trained_with_its_trials_seed():
    draws = RandomDraws.of(constructed(), 12, np.random.default_rng(0))
    assert draws.fresh.shape == (SLOW + FAST, FINALIST_SEEDS)
    for seed, fresh, unused in zip(draws.seeds, draws.fresh, draws.unused, strict=True):
        assert sorted([seed, *fresh, *unused]) == list(range(SEEDS))


def test_a_small_study_repeats_itself_and_draws_its_figure(tmp_path):
    results = []
    for name in ("first", "second"):
        file, figure = tmp_path / f"{name}.json", tmp_path / f"{name}.png"
        assert main(["--resamples", "3", "--json", str(file), "--figure", str(figure)]) == 0
        results.append(json.loads(file.read_text()))
        with Image.open(figure) as image:
            assert image.width >= 800
    assert results[0]["val"] == results[1]["val"] != results[0]["test"]


def test_a_wrong_flag_is_one_line_and_status_2(capsys):
    assert main(["--resamples", "1"]) == 2
    assert capsys.readouterr().err == "error: --resamples must be 2 or more, not 1\n"


def test_a_recording_resumes_with_what_is_missing_and_leaves_no_trace(tmp_path):
    setting = StudySetting("nin", 0, {"lr": 0.01, "batch_size": 64})
    trainings = [Training(setting, seed, epochs=1, train_limit=128) for seed in (0, 1)]
    file, device = tmp_path / "curves.jsonl", torch.device("cpu")
    whole = list(record(trainings, file, 1, device))
    assert [curve.key for curve in whole] == [("nin", 0, 0), ("nin", 0, 1)]
    written = file.read_text()
    file.write_text(written[:-40])  # stopped in the middle of a line
    assert list(record(trainings, file, 1, device)) == whole[1:]
    assert file.read_text() == written

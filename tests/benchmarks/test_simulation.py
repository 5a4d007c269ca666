"""Replayed searches: where a curve comes from, and that trials obey."""

from pathlib import Path

import optuna
import pytest

from benchmarks.simulation import METRICS, SPACE, Curve, Landscape, ReplayedSearch, read_curves
from search.proposals.searcher import OptunaSearcher
from search.space.domain import Options, Range, Values, check_point
from search.space.reader import read_space
from search.space.sampler import SpaceSampler
from search.trials.board import TrialBoard
from search.trials.files import TrialFiles
from search.trials.spec import Job
from trainables.data import EMBEDDED

DOMAINS = {
    "lr": Range(low=0.01, high=1.0, log=True),
    "flip": Values(options=(True, False)),
    "optimizer": Options(
        options={"adam": {}, "sgd": {"momentum": Range(low=0.0, high=0.5)}},
    ),
}
SETTINGS = [
    {"lr": 0.01, "flip": True, "optimizer": "adam"},
    {"lr": 1.0, "flip": False, "optimizer": "sgd", "momentum": 0.0},
    {"lr": 0.1, "flip": True, "optimizer": "sgd", "momentum": 0.5},
    {"lr": 0.1, "flip": False, "optimizer": "adam"},
]


class Domained:
    """The part of a space that a landscape reads."""

    search = DOMAINS


def curve(values: dict, accuracies: list[float], diverged: bool = False) -> Curve:
    return Curve(values, dict.fromkeys(METRICS, accuracies), diverged)


def landscape(diverged: int = -1) -> Landscape:
    return Landscape(
        Domained, [curve(v, [n / 10, n / 5], n == diverged) for n, v in enumerate(SETTINGS)]
    )


def test_a_recorded_setting_has_its_own_curve():
    for number, values in enumerate(SETTINGS):
        found = landscape().curve(values).metrics["val_accuracy"]
        assert found == pytest.approx([number / 10, number / 5], abs=1e-4)


def test_distance_adds_shares_of_ranges_and_one_for_each_other_choice():
    asked = {"lr": 0.1, "flip": True, "optimizer": "sgd", "momentum": 0.25}
    # Half of lr's range and the optimizer; half of lr's, flip, half of momentum's; and so on.
    expected = [0.5 + 1, 0.5 + 1 + 0.5, 0.5, 1 + 1]
    assert landscape().distances(asked) == pytest.approx(expected)


def test_between_recorded_settings_a_curve_is_their_mean_by_nearness():
    asked = {"lr": 0.1, "flip": True, "optimizer": "sgd", "momentum": 0.25}
    weights = {2: 1 / 0.5, 0: 1 / 1.5, 1: 1 / 2.0}  # the nearest three
    expected = sum(w * n / 10 for n, w in weights.items()) / sum(weights.values())
    found = landscape().curve(asked).metrics["val_accuracy"][0]
    assert found == pytest.approx(expected, abs=1e-4)


def test_beside_a_setting_that_diverged_another_diverges():
    asked = {"lr": 0.1, "flip": True, "optimizer": "sgd", "momentum": 0.25}
    assert landscape(diverged=2).curve(asked).diverged
    assert not landscape(diverged=1).curve(asked).diverged


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    return [run_search(tmp_path_factory.mktemp("replayed")) for _ in range(2)]


def run_search(folder: Path, trials: int = 40) -> TrialBoard:
    """A search of gap5 whose recorded settings are eight drawn ones, the last of them diverging."""
    space = read_space(SPACE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    points = [SpaceSampler(space, {})(study.ask()) for _ in range(8)]
    curves = [curve(v, [n / 20, n / 15, n / 12, n / 10]) for n, v in enumerate(points[:-1])]
    curves.append(curve(points[-1], [0.1, 0.1], diverged=True))
    budget = space.budget.model_copy(update={"trials": trials, "epochs": 4, "grace_epochs": 2})
    job = Job("gap5", space.data, "embedded", None, None, 4, 0, 1)
    searcher = OptunaSearcher(SpaceSampler(space, {}), job, trials)
    board = TrialBoard(trials, 4, 1000)
    ReplayedSearch(
        searcher, budget, board, TrialFiles(folder), Landscape(space, curves), seed=0
    ).run([])
    return board


def test_every_trial_ends(replayed):
    assert len(replayed[0].records) == replayed[0].finished == 40


def test_a_replay_repeats_itself(replayed):
    def ends(board: TrialBoard) -> list:
        return [(r.values, r.status, r.epochs, r.best_score) for r in board.records]

    assert ends(replayed[0]) == ends(replayed[1])


def test_stopped_trials_end_at_a_rung_and_whole_ones_at_the_budget(replayed):
    epochs = {
        status: {r.epochs for r in replayed[0].records if r.status == status}
        for status in ("pruned", "completed", "failed")
    }
    assert epochs == {"pruned": {2}, "completed": {4}, "failed": {2}}


def test_every_recorded_setting_is_a_point_of_the_space_and_has_all_figures_of_all_epochs():
    space = read_space(SPACE)
    fixed, epochs = space.fixed_on(EMBEDDED, {}), space.embedded.budget.epochs
    for recorded in read_curves():
        check_point(space.search, recorded.values)
        assert fixed.items() <= recorded.values.items()
        (length,) = {len(recorded.metrics[name]) for name in METRICS}
        assert recorded.diverged or length == epochs
    assert read_curves()[0].values == {**space.baseline, **fixed}

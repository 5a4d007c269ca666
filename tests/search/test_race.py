"""Which finalists are trained on, and which the race ends for."""

import numpy as np
import pytest
from made_up import JOB, play, spec
from ray.tune.search import Searcher

from search.driver.time_left import seconds_left
from search.proposals.finals import FinalsSearch
from search.selection.choice import choose
from search.selection.race import is_whole, race_of
from search.selection.rule import Rule
from search.space.constraints import Limit
from search.trials.search_board import Clock, SearchBoard
from search.trials.spec import TrialSpec

FREE = Rule({}, {})
BOUND = Rule({"digit_following": Limit(max=0.08)}, {"digit_following": 4500})


def searched(scores, finalists: int, seeds: int, following=None, seconds=None) -> SearchBoard:
    """A search whose trials, of one epoch, had ``scores``; the first is the baseline."""
    board = SearchBoard(len(scores), 1, 100, finalists, seeds)
    for number, score in enumerate(scores):
        figures = {"digit_following": (following or {}).get(number, 0.0)}
        figures |= {"epoch_seconds": seconds[number]} if seconds else {}
        play(board.trials, spec(number, {"lr": 0.01 * (number + 1)}), [score], **figures)
    return board


def run(board: SearchBoard, accuracies, rule: Rule = FREE, following=None) -> list[tuple[int, int]]:
    """Train the finals one after the other; each as its setting's number and its seed's.

    Args:
        board: whose trials have ended.
        accuracies: by number, one for each seed.
        rule: what decides.
        following: digit following by number.
    """
    finals, order = FinalsSearch(board, rule, JOB), []
    while (config := finals.suggest(f"x{len(order)}")) != Searcher.FINISHED:
        asked = TrialSpec.from_config(config)
        seed = asked.stream - board.trials.requested
        share = (following or {}).get(asked.repeats, 0.0)
        play(board.finals, asked, [accuracies[asked.repeats][seed]], digit_following=share)
        finals.on_trial_complete(f"x{len(order)}")
        order.append((asked.repeats, seed))
    return order


FAR = {0: [0.247, 0.250, 0.252], 1: [0.380, 0.375, 0.384], 2: [0.376, 0.381, 0.370]}
SCORES = [0.249, 0.382, 0.378]  # of the trials


def test_a_finalist_that_cannot_reach_the_leader_is_trained_no_further():
    board = searched(SCORES, 2, 3)
    order = run(board, FAR)
    assert [number for number, _ in order].count(0) == 1
    assert is_whole(board, FREE)
    out = choose(board, FREE).finalists[-1]
    assert (out.trial.number, out.status) == (0, "out after 1 of 3 seeds")
    assert out.described()["status"] == "out after 1 of 3 seeds"


def test_finalists_that_are_close_are_all_trained_to_their_last_seed():
    board = searched([0.70, 0.71, 0.72], 2, 3)
    close = {0: [0.70, 0.72, 0.71], 1: [0.73, 0.70, 0.71], 2: [0.71, 0.72, 0.70]}
    assert len(run(board, close)) == 9
    assert {each.status for each in choose(board, FREE).finalists} == {"whole"}


def test_one_diverged_seed_puts_nobody_out_for_good():
    board = searched([0.70, 0.71, 0.72], 2, 3)
    order = run(board, {0: [0.70, 0.71, 0.70], 1: [0.20, 0.80, 0.80], 2: [0.71, 0.72, 0.70]})
    assert [number for number, _ in order].count(1) == 3


def test_one_that_was_out_returns_when_the_leader_falls_back():
    board = searched([0.70, 0.80], 2, 3)
    finals = FinalsSearch(board, FREE, JOB)

    def train(accuracy: float) -> int:
        asked = TrialSpec.from_config(finals.suggest("x"))
        play(board.finals, asked, [accuracy])
        finals.on_trial_complete("x")
        return asked.repeats

    assert [train(0.805), train(0.701)] == [1, 0]
    assert set(race_of(board, FREE).out) == {0}
    assert train(0.10) == 1
    assert race_of(board, FREE).out == {}
    assert train(0.70) == 0


def test_while_another_runs_that_may_bring_it_back_a_finalist_waits():
    board = searched(SCORES, 2, 2)
    finals = FinalsSearch(board, FREE, JOB)
    asked = [TrialSpec.from_config(finals.suggest(f"x{n}")) for n in range(3)]
    for n, each in enumerate(asked):
        play(board.finals, each, [FAR[each.repeats][0]])
        finals.on_trial_complete(f"x{n}")
    last = [TrialSpec.from_config(finals.suggest(name)) for name in ("y1", "y2")]
    assert [each.repeats for each in last] == [1, 2]
    assert finals.suggest("y3") is None
    for name, each in zip(("y1", "y2"), last, strict=True):
        play(board.finals, each, [FAR[each.repeats][1]])
        finals.on_trial_complete(name)
    assert finals.suggest("y3") == Searcher.FINISHED


def test_a_race_that_is_resumed_trains_what_it_would_have_trained():
    whole = searched(SCORES, 2, 3)
    order = run(whole, FAR)
    for begun in range(len(order)):
        board = searched(SCORES, 2, 3)
        for record in whole.finals.records:
            if (record.spec.repeats, record.spec.stream - 3) in order[:begun]:
                board.finals.put(record)
        assert run(board, FAR) == order[begun:]


def test_a_leader_that_breaks_a_constraint_puts_out_none_that_holds_it():
    board = searched([0.376, 0.9, 0.378], 2, 3)
    close = {0: [0.375, 0.377, 0.376], 1: [0.9, 0.901, 0.9], 2: [0.377, 0.381, 0.375]}
    order = run(board, close, BOUND, following={1: 0.3})
    assert sorted(order) == [(number, seed) for number in range(3) for seed in range(3)]
    assert choose(board, BOUND).finalists[0].trial.number == 2


def test_a_finalist_that_breaks_a_constraint_is_put_out_by_a_leader_that_holds_it():
    cheating = {0: 0.3}
    order = run(searched(SCORES, 2, 3), FAR, BOUND, cheating)
    assert [number for number, _ in order].count(0) == 1


def test_a_leader_of_which_a_training_failed_puts_nobody_out():
    board = searched(SCORES, 2, 3)
    finals = FinalsSearch(board, FREE, JOB)
    first = TrialSpec.from_config(finals.suggest("x"))
    play(board.finals, first, [], "failed")
    run(board, FAR)
    assert choose(board, FREE).finalists[-1].failed == 1
    assert choose(board, FREE).finalists[0].trial.number == 2


def test_equal_trainings_leave_the_spread_unknown_and_nobody_out():
    board = searched([0.5, 0.6], 1, 2)
    assert len(run(board, {0: [0.5, 0.5], 1: [0.6, 0.6]})) == 4


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_the_winner_is_never_below_the_baseline_by_the_same_seeds(seeds):
    """The search's score of the baseline is not the measure: it is of another seed."""
    board = searched([0.3533, 0.36, 0.37], 2, seeds)
    run(board, {0: [0.36] * seeds, 1: [0.34] * seeds, 2: [0.3444, 0.35, 0.34]})
    choice = choose(board, FREE)
    assert choice.winner.spec.repeats == 0
    assert choice.baseline is choice.finalists[0]


def test_any_winner_of_any_race_is_at_least_as_accurate_as_the_baseline():
    draw = np.random.default_rng(0)
    for _ in range(50):
        levels, noise = draw.uniform(0.3, 0.7, 4), draw.uniform(0.001, 0.1)
        board = searched(levels + noise * draw.normal(size=4), 2, 3)
        run(board, levels[:, None] + noise * draw.normal(size=(4, 3)))
        choice = choose(board, FREE)
        assert choice.finalists[0].mean >= choice.baseline.mean


def drawn_race(draw, levels, noise, finalists: int, seeds: int) -> tuple[SearchBoard, int]:
    """A race of trials of true ``levels``; the number of the truly best contender too."""
    board = searched(levels + noise * draw.normal(size=len(levels)), finalists, seeds)
    contenders = [each.number for each in race_of(board, FREE).contenders]
    run(board, levels[:, None] + noise * draw.normal(size=(len(levels), seeds)))
    return board, max(contenders, key=lambda number: levels[number])


@pytest.mark.parametrize(("trials", "finalists", "seeds"), [(8, 2, 2), (12, 3, 3)])
def test_the_truly_best_finalist_is_put_out_in_less_than_one_race_in_fifty(
    trials, finalists, seeds
):
    draw, races, lost = np.random.default_rng(0), 300, 0
    for _ in range(races):
        noise = draw.uniform(0.003, 0.03)
        levels = 0.6 + noise * draw.normal(size=trials)  # as close as their seeds
        board, best = drawn_race(draw, levels, noise, finalists, seeds)
        lost += best in race_of(board, FREE).out
    assert lost / races < 0.02


def test_all_its_seeds_make_a_finalist_whole_however_far_behind():
    board = searched([0.25, 0.38], 1, 2)
    run(board, {0: [0.38, 0.1], 1: [0.38, 0.38]})
    assert {each.status for each in choose(board, FREE).finalists} == {"whole"}


def test_one_thirteen_points_behind_is_out_after_two_of_three_seeds_at_most():
    draw, races, soon = np.random.default_rng(0), 150, 0
    for _ in range(races):
        noise = draw.uniform(0.01, 0.03)
        board, _ = drawn_race(draw, np.array([0.25, 0.38, 0.38, 0.37]), noise, 3, 3)
        soon += len(race_of(board, FREE).trainings[0]) <= 2
    assert soon / races > 0.95


def test_time_left_is_of_the_finals_that_are_still_due_each_as_slow_as_its_setting(monkeypatch):
    board = searched(SCORES, 2, 3, seconds=[16.0, 2.0, 2.0])
    monkeypatch.setattr(Clock, "seconds", 10.0)  # two at once: half of what the epochs took
    assert seconds_left(board, FREE) == pytest.approx((3 * 16 + 6 * 2) / 2)
    finals = FinalsSearch(board, FREE, JOB)
    for number in range(3):
        asked = TrialSpec.from_config(finals.suggest(f"x{number}"))
        values = {"epoch_seconds": 2.0 if asked.repeats else 16.0}
        play(board.finals, asked, [FAR[asked.repeats][0]], **values)
    assert set(race_of(board, FREE).out) == {0}
    assert seconds_left(board, FREE) == pytest.approx(4 * 2 / 40 * 10)


@pytest.mark.parametrize(("finalists", "seconds"), [(0, 12.0), (2, 28.0)])
def test_time_left_follows_the_pace_and_the_usual_length(monkeypatch, finalists, seconds):
    board = SearchBoard(4, 4, 1000, finalists, seeds=1)
    assert seconds_left(board, FREE) is None
    play(board.trials, spec(0), [0.1] * 4)
    play(board.trials, spec(1), [0.1] * 2)
    monkeypatch.setattr(Clock, "seconds", 12.0)
    # At 2 seconds an epoch two trials to start, of 3 epochs each as so far, and finals of 4 each.
    assert seconds_left(board, FREE) == pytest.approx(seconds)

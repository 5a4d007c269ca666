"""Which settings are trained again, and which of them wins."""

import numpy as np
import pytest
from made_up import play, spec
from scipy.stats import sem, t

from search.selection.choice import best_first, choose
from search.selection.finalist import repeated
from search.selection.race import race_of
from search.selection.rule import Rule
from search.space.constraints import Limit
from search.trials.search_board import SearchBoard

FREE = Rule({}, {})
BOUND = Rule({"digit_following": Limit(max=0.08)}, {"digit_following": 4500})
EPOCHS = 2


class Board(SearchBoard):
    """A search whose trials and finals end as they are told to."""

    def add(
        self,
        number: int,
        accuracy: float,
        following: float = 0.0,
        epochs: int = EPOCHS,
        of: int | None = None,
        lr: float | None = None,
        end: str = "ended",
    ) -> None:
        asked = spec(number, {"lr": number / 100 if lr is None else lr}, repeats=of)
        accuracies = [accuracy] * epochs
        play(self.board_of(asked), asked, accuracies, end, digit_following=following)


def board(trials: int, finalists: int = 0, seeds: int = 0) -> Board:
    return Board(trials, EPOCHS, 100, finalists, seeds)


def numbers(records) -> list[int]:
    return [record.number for record in records]


def test_the_most_accurate_settings_are_trained_again():
    found = board(4)
    for number, accuracy in enumerate([0.5, 0.8, 0.6, 0.7]):
        found.add(number, accuracy)
    assert numbers(repeated(found.trials, FREE, 3)) == [1, 3, 2]


def test_of_equals_the_one_suggested_first_is_before():
    found = board(2)
    found.add(1, 0.5)
    found.add(0, 0.5)
    assert numbers(repeated(found.trials, FREE, 2)) == [0, 1]


def test_of_trials_of_one_setting_the_best_alone_is_trained_again():
    found = board(3, finalists=3, seeds=2)
    found.add(0, 0.5, lr=0.1)
    found.add(1, 0.6, lr=0.1)
    found.add(2, 0.4, lr=0.2)
    assert numbers(repeated(found.trials, FREE, 3)) == [1, 2]
    assert numbers(race_of(found, FREE).contenders) == [0, 2]  # the baseline for its own setting


def test_a_failed_trial_is_not_trained_again():
    found = board(2)
    found.add(0, 0.5)
    found.add(1, 0.9, end="failed")
    assert numbers(repeated(found.trials, FREE, 2)) == [0]


def test_bound_the_settings_that_hold_are_before_more_accurate_ones_that_do_not():
    found = board(3)
    found.add(0, 0.9, following=0.3)
    found.add(1, 0.6, following=0.05)
    found.add(2, 0.7, following=0.1)
    assert numbers(repeated(found.trials, BOUND, 3)) == [1, 2, 0]


def test_bound_a_whole_training_is_before_one_that_was_stopped_early():
    found = board(2)
    found.add(0, 0.7, following=0.05, epochs=1)
    found.add(1, 0.6, following=0.05)
    assert numbers(repeated(found.trials, BOUND, 2)) == [1, 0]


def finals(bound: Rule, accuracies: dict[int, list[float]], following: dict[int, float]):
    """Two trials, of which the first scored better in the search, and their finals."""
    found = board(2, finalists=2, seeds=len(accuracies[0]))
    found.add(0, 0.80, following[0])
    found.add(1, 0.75, following[1])
    number = 2
    for of, values in accuracies.items():
        for value in values:
            found.add(number, value, following[of], of=of)
            number += 1
    return choose(found, bound)


def test_the_best_mean_wins_whatever_the_search_said():
    choice = finals(FREE, {0: [0.70, 0.74], 1: [0.74, 0.76]}, {0: 0.0, 1: 0.0})
    assert [each.trial.number for each in choice.finalists] == [1, 0]
    assert choice.confirmed


def test_luck_is_what_the_search_had_over_the_mean_with_its_interval():
    values = [0.78, 0.76, 0.77]
    luck = finals(FREE, {0: values, 1: [0.7] * 3}, {0: 0.0, 1: 0.0}).finalists[0].luck
    interval = t.interval(0.95, 2, 0.80 - np.mean(values), sem(values))
    assert (luck.mean, luck.low, luck.high) == pytest.approx((0.03, *interval))


def test_of_two_seeds_nothing_is_called_luck():
    first = finals(FREE, {0: [0.78, 0.76], 1: [0.70, 0.71]}, {0: 0.0, 1: 0.0}).finalists[0]
    assert first.luck is None
    assert (first.described()["luck"], first.described()["luck_interval"]) == (None, None)


def test_the_interval_of_the_mean_stays_within_what_an_accuracy_can_be():
    first = finals(FREE, {0: [0.6044, 0.8267], 1: [0.1, 0.1]}, {0: 0.0, 1: 0.0}).finalists[0]
    assert first.interval == (0.0, 1.0)


def test_of_a_trial_that_was_stopped_early_nothing_is_called_luck():
    found = board(1, finalists=1, seeds=3)
    found.add(0, 0.3, epochs=1)
    for number in (1, 2, 3):
        found.add(number, 0.7, of=0)
    assert choose(found, FREE).finalists[0].luck is None


def test_mean_and_deviation_are_numpys():
    values = [0.70, 0.74, 0.79]
    first = finals(FREE, {0: values, 1: [0.1] * 3}, {0: 0.0, 1: 0.0}).finalists[0]
    assert (first.mean, first.std) == pytest.approx((np.mean(values), np.std(values, ddof=1)))


def test_of_one_seed_the_deviation_is_unknown():
    assert finals(FREE, {0: [0.7], 1: [0.6]}, {0: 0.0, 1: 0.0}).finalists[0].std is None


@pytest.mark.parametrize("values", [[0.6044, 0.8267], [0.8267, 0.6044], [0.7, 0.79, 0.74], [0.5]])
def test_the_winners_best_training_is_delivered(values):
    choice = finals(FREE, {0: values, 1: [0.1] * len(values)}, {0: 0.0, 1: 0.0})
    assert choice.winner.best_score == max(values)
    assert choice.finalists[0].mean == pytest.approx(np.mean(values))


def delivered(*trainings: tuple[float, float]):
    """Of one setting's trainings, each its accuracy and digit following, the delivered one."""
    found = board(1, finalists=1, seeds=len(trainings))
    found.add(0, 0.8)
    for number, (accuracy, following) in enumerate(trainings, start=1):
        found.add(number, accuracy, following, of=0)
    winner = choose(found, BOUND).winner
    return winner.best_score, winner.best["digit_following"]


def test_a_training_that_breaks_a_constraint_is_not_delivered_where_another_holds_it():
    assert delivered((0.8, 0.09), (0.7, 0.05), (0.75, 0.06)) == (0.75, 0.06)


def test_where_no_training_holds_the_constraints_the_one_that_breaks_them_least_is_delivered():
    assert delivered((0.8, 0.12), (0.7, 0.1), (0.75, 0.11)) == (0.7, 0.1)


def test_a_finalist_that_breaks_a_constraint_loses_to_one_that_holds_it():
    choice = finals(BOUND, {0: [0.79, 0.79], 1: [0.7, 0.7]}, {0: 0.2, 1: 0.05})
    assert choice.finalists[0].trial.number == 1
    assert choice.feasible


def test_a_constraint_is_held_by_the_upper_end_of_the_interval_not_by_the_mean():
    choice = finals(BOUND, {0: [0.79, 0.79], 1: [0.7, 0.7]}, {0: 0.078, 1: 0.05})
    assert choice.finalists[0].trial.number == 1
    broken = choice.finalists[1].judgements[0]
    assert broken.mean < 0.08 < broken.high


def test_where_none_holds_the_least_bad_wins_and_it_is_said():
    choice = finals(BOUND, {0: [0.79, 0.79], 1: [0.7, 0.7]}, {0: 0.3, 1: 0.2})
    assert choice.finalists[0].trial.number == 1
    assert not choice.feasible


def test_before_all_finals_have_ended_the_choice_is_among_the_trials():
    found = board(1, finalists=1, seeds=2)
    found.add(0, 0.8)
    found.add(1, 0.7, of=0)
    choice = choose(found, FREE)
    assert (choice.winner.number, choice.confirmed) == (0, False)


def test_without_finals_the_best_trial_wins_unconfirmed():
    found = board(2)
    found.add(0, 0.8, epochs=1)
    found.add(1, 0.7)
    choice = choose(found, FREE)
    assert (choice.winner.number, choice.confirmed) == (0, False)


def test_bound_and_without_finals_a_stopped_trial_does_not_win():
    found = board(2)
    found.add(0, 0.3, following=0.0, epochs=1)
    found.add(1, 0.7, following=0.2)
    choice = choose(found, BOUND)
    assert choice.winner.number == 1
    assert not choice.feasible


def half_failed():
    """A finalist of which one of two trainings failed."""
    found = board(1, finalists=1, seeds=2)
    found.add(0, 0.8)
    found.add(1, 0.7, of=0)
    found.add(2, 0.9, of=0, end="failed")
    (finalist,) = choose(found, FREE).finalists
    return finalist


def test_a_finals_training_that_failed_is_left_out_of_the_mean():
    assert half_failed().scores == [0.7]


def test_how_many_trainings_failed_is_told():
    finalist = half_failed()
    assert finalist.trainings == "1 of 2"
    assert finalist.described()["failed_seeds"] == 1


def test_a_training_that_failed_is_not_delivered():
    assert half_failed().delivered.best_score == 0.7


def test_what_is_left_of_failed_trainings_does_not_win_by_its_lucky_seed():
    found = board(2, finalists=2, seeds=2)
    found.add(0, 0.75)
    found.add(1, 0.80)
    found.add(2, 0.74, of=0)
    found.add(3, 0.76, of=0)
    found.add(4, 0.77, of=1)
    found.add(5, 0.9, of=1, end="failed")
    assert [each.trial.number for each in choose(found, FREE).finalists] == [0, 1]


def test_the_one_that_wins_without_finals_is_first_and_a_setting_comes_once():
    found = board(4)
    found.add(0, 0.9, following=0.3)
    found.add(1, 0.6, following=0.079)  # its interval goes beyond
    found.add(2, 0.5, following=0.02)
    found.add(3, 0.4, following=0.02, lr=0.02)
    assert numbers(best_first(found.trials.records, BOUND)) == [2, 1, 0]


def test_without_a_trial_there_is_no_winner():
    assert choose(board(1), FREE).winner is None

"""When a search makes no more progress."""

import pytest
from made_up import play, spec

from search.selection.patience import Patience
from search.selection.rule import Rule
from search.space.constraints import Limit
from search.trials.board import TrialBoard
from search.trials.record import TrialRecord

IMAGES = 2500  # of an accuracy of 0.5 the standard error is 0.01
BOUND = Rule({"digit_following": Limit(max=0.1)}, {"digit_following": IMAGES})
FREE = Rule({}, {})


def ended(accuracy: float, *, epochs: int = 4, end: str = "ended", **figures) -> TrialRecord:
    """A trial of a search of four epochs."""
    return play(TrialBoard(1, 4, 100), spec(0), [accuracy] * epochs, end, **figures)


def waited(*records: TrialRecord, rule: Rule = FREE) -> int:
    patience = Patience(3, rule, IMAGES)
    for record in records:
        patience.ended(record)
    return patience.waited


def test_a_trial_that_is_better_by_more_than_a_standard_error_is_progress():
    assert waited(ended(0.5), ended(0.5), ended(0.511)) == 0


@pytest.mark.parametrize("accuracy", [0.3, 0.5, 0.509])
def test_a_worse_one_is_none_nor_one_that_is_better_by_less(accuracy):
    assert waited(ended(0.5), ended(accuracy), ended(accuracy)) == 2


def test_small_gains_are_progress_once_they_are_a_standard_error_together():
    assert waited(ended(0.5), ended(0.506), ended(0.512)) == 0


def test_a_failed_trial_does_not_count():
    assert waited(ended(0.5), ended(0.9, end="failed")) == 0


def test_a_trial_that_ended_no_epoch_does_not_count():
    assert waited(ended(0.5), ended(0.9, epochs=0)) == 0


def test_it_is_exhausted_after_as_many_trials_as_it_allows():
    patience = Patience(2, FREE, IMAGES)
    states = []
    for accuracy in (0.5, 0.4, 0.4):
        patience.ended(ended(accuracy))
        states.append(patience.is_exhausted)
    assert states == [False, False, True]


def test_a_perfect_accuracy_leaves_nothing_to_improve():
    assert waited(ended(1.0), ended(1.0)) == 1


def test_the_first_trial_that_holds_the_constraints_is_progress():
    free, bound = ended(0.9, digit_following=0.9), ended(0.5, digit_following=0.05)
    assert waited(free, bound, rule=BOUND) == 0


def test_one_that_breaks_them_is_none_once_another_holds_them():
    free, bound = ended(0.9, digit_following=0.9), ended(0.5, digit_following=0.05)
    assert waited(bound, free, rule=BOUND) == 1


def test_the_first_whole_training_that_holds_them_is_progress_after_stopped_ones():
    stopped = ended(0.5, epochs=1, digit_following=0.05)
    assert waited(stopped, ended(0.4, digit_following=0.05), rule=BOUND) == 0

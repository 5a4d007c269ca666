"""What a training that was stopped is expected to have reached, in cases worked out by hand."""

import pytest

from search.proposals.expected_final import expected_finals


def history(*values: float) -> dict[int, float]:
    return dict(enumerate(values, start=1))


def test_a_training_that_none_outlasted_counts_at_its_best():
    assert expected_finals([history(0.2, 0.6, 0.5)]) == [0.6]


def test_a_training_that_was_stopped_gains_the_median_of_what_the_others_gained_later():
    gained = [history(0.1, 0.2), history(0.1, 0.4), history(0.5, 0.9)]  # .1, .3 and .4
    assert expected_finals([*gained, history(0.3)])[-1] == pytest.approx(0.3 + 0.3)


def test_a_gain_counts_from_the_best_epoch_so_far():
    assert expected_finals([history(0.5, 0.4, 0.7), history(0.3, 0.1)])[-1] == pytest.approx(0.5)


def test_one_that_was_stopped_later_counts_at_its_own_expected_value():
    """The second gains .2 after epoch 2, as the first, and so .3 after epoch 1."""
    histories = [history(0.1, 0.4, 0.6), history(0.3, 0.4), history(0.2)]
    assert expected_finals(histories)[1] == pytest.approx(0.6)
    assert expected_finals(histories)[2] == pytest.approx(0.2 + (0.5 + 0.3) / 2)


def test_an_epoch_that_another_did_not_report_is_not_compared():
    assert expected_finals([{2: 0.5, 3: 0.9}, {1: 0.3}]) == [0.9, 0.3]


def test_the_order_of_the_trainings_and_of_the_epochs_makes_no_difference():
    histories = [{1: 0.1, 3: 0.6, 2: 0.4}, history(0.3, 0.4), history(0.2)]
    first, second, third = expected_finals(histories)
    assert expected_finals(histories[::-1]) == [third, second, first]
    assert first == 0.6

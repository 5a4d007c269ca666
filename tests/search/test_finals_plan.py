"""How many finals fit into a time."""

import pytest

from search.driver.finals_plan import FinalsPlan, makespan, plan_finals

START = 3.0


def alike(finalists: int, seeds: int) -> list[float]:
    """Trainings of ten seconds, of the finalists and the baseline."""
    return [10.0] * (finalists + 1) * seeds


def needed(finalists: int, seeds: int) -> float:
    return makespan(alike(finalists, seeds), 2, START)


def planned(seconds: float, finalists: int = 3, seeds: int = 3) -> tuple[int, int]:
    plan = plan_finals(alike, finalists, seeds, 2, START, seconds)
    return plan.finalists, plan.seeds


def simulated(lengths: list[float], slots: int) -> float:
    """When the last training ends if each begins on the first slot that is free."""
    free = [0.0] * slots
    for length in lengths:
        free.sort()
        free[0] += length
    return max(free)


@pytest.mark.parametrize("lengths", [[5.0], [1.0, 9.0], [3.0, 3.0, 3.0], [1.0, 2.0, 7.0, 2.0, 9.0]])
@pytest.mark.parametrize("slots", [1, 2, 4])
def test_each_training_begins_where_one_has_ended(lengths, slots):
    assert makespan(lengths, slots, START) == START + simulated(lengths, slots)


def test_nothing_takes_no_time():
    assert makespan([], 2, START) == 0.0


def test_all_are_trained_if_there_is_time():
    assert planned(1000.0) == (3, 3)


def test_with_less_time_seeds_are_given_up_first():
    assert planned(needed(3, 2)) == (3, 2)
    assert planned(needed(3, 1)) == (3, 1)


def test_with_even_less_then_finalists():
    assert planned(needed(2, 1)) == (3, 1)  # one more setting fills the second slot
    assert planned(needed(1, 1)) == (1, 1)


def test_without_time_for_one_finalist_there_are_none():
    assert plan_finals(alike, 3, 3, 2, START, needed(1, 1) - 0.1) == FinalsPlan()


def test_where_none_are_asked_for_there_are_none():
    assert planned(1000.0, finalists=0) == (0, 0)

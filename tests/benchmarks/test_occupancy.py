"""What records say of the workers' time, on constructed records with known answers."""

import pytest

from benchmarks.occupancy import Occupancy, Work


@pytest.fixture
def occupancy():
    """Worker 1: a trial of two epochs from 0 to 4 s, another from 5 to 7. Worker 2: from 1 to 9."""
    return Occupancy(
        (
            Work(1, "a", 1, 2.0, 2.0, 0.0),
            Work(1, "a", 2, 4.0, 2.0, 0.001),
            Work(1, "b", 1, 7.0, 2.0, 0.0),
            Work(2, "c", 1, 5.0, 4.0, 0.0),
            Work(2, "c", 2, 9.0, 4.0, 0.003),
        )
    )


def test_the_gap_between_trials_is_within_a_worker(occupancy):
    assert occupancy.between_trials == pytest.approx(1.0)


def test_a_report_costs_what_later_epochs_say(occupancy):
    assert occupancy.report == pytest.approx(0.002)


def test_epochs_that_were_not_reported_by_themselves_say_nothing_of_a_report():
    short = [Work(1, "a", n, n / 10, 0.1, 0.002 if n == 2 else 0.0) for n in range(1, 7)]
    assert Occupancy(tuple(short)).report == pytest.approx(0.002)
    assert Occupancy(tuple(short[2:])).report == 0.0


def test_idle_is_what_no_epoch_covers_until_a_workers_last(occupancy):
    assert occupancy.idle == pytest.approx(1 - 14 / (7 + 9))


def test_idle_with_the_tail_counts_until_the_searchs_last(occupancy):
    assert occupancy.idle_with_tail == pytest.approx(1 - 14 / 18)


def test_the_first_step_is_the_first_epochs_begin(occupancy):
    assert (occupancy.first_step, occupancy.trials) == (0.0, 3)

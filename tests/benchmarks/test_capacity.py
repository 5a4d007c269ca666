"""How many workers are fed, where that can be said without a simulation."""

import pytest

from benchmarks.capacity import FED, System, largest
from benchmarks.driver_costs import Costs, Rates
from benchmarks.driver_queue import Ladder, Spread

EVEN = Spread(0.0, 0.0)
FOUR = Ladder((4,), 3)  # every trial trains four epochs


def costs(poll: float = 0.0, turnover: float = 0.0) -> Costs:
    """A report that takes 10 ms with its trial's share, 5 ms of them in Tune's loop."""
    loop, ledger, rest = Rates(0.008, 0.003, 0), Rates(0.004, 0.002, 0), Rates(0.004, 0.001, 0)
    return Costs(loop, ledger, rest, Rates(4, 2, 10), poll, turnover)


def test_a_driver_saturates_at_an_epochs_time_over_that_of_a_report():
    assert System(costs(), 1.0, FOUR, spread=EVEN).saturation == 100
    assert System(costs(), 1.0, FOUR, alone=True, spread=EVEN).saturation == 200


def test_a_wait_between_trials_lets_it_feed_more():
    assert System(costs(turnover=0.4), 1.0, FOUR, spread=EVEN).saturation == 110


def test_polling_makes_it_saturate_at_the_root_of_a_quadratic():
    # n * (0.01 + 3e-6 n) = 10: the driver polls n trials in the three steps of a report.
    system = System(costs(poll=1e-6), 10.0, FOUR, spread=EVEN)
    assert system.saturation == int((-0.01 + (0.01**2 + 4 * 3e-6 * 10) ** 0.5) / (2 * 3e-6))


def test_epochs_shorter_than_a_report_are_too_many_for_two_workers():
    assert System(costs(), 0.001, FOUR, spread=EVEN).saturation == 1


def test_as_many_are_fed_as_train_95_percent_of_what_each_would_alone():
    # Past saturation all share 100 reports a second. A worker alone trains four epochs in 4 s and
    # waits for its last report and the next trial, 6 + 16 ms.
    system = System(costs(), 1.0, FOUR, spread=EVEN)
    alone = 4 / (4 + 0.006 + 0.016)
    assert system.fed() == pytest.approx(100 / (FED * alone), abs=3)


@pytest.mark.parametrize("number", [1, 2, 3, 1000, 1023, 1024])
def test_the_largest_number_is_found(number):
    assert largest(lambda n: n <= number) == number

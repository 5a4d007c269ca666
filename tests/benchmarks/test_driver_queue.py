"""The simulated driver against queueing theory and cases whose outcome is known."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.driver_queue import Ladder, Service, Spread, Workload, simulate
from benchmarks.machine_repairman import bounds, mean_value_analysis

ENDLESS = Ladder((10**9,), 3)
EVEN = Spread(0.0, 0.0)


def exponential(seed: int):
    chance = random.Random(seed)
    return lambda mean: chance.expovariate(1 / mean)


@pytest.mark.parametrize("workers", [1, 4, 10, 25])
@pytest.mark.parametrize("variation", [0.0, 1.0])
def test_it_is_mean_value_analysis_where_service_is_exponential(workers, variation):
    """Which holds for think times of any spread."""
    workload = Workload(9.0, ENDLESS, Spread(0.0, variation), ahead=False)
    service = Service(1.0, draw=exponential(workers))
    found = simulate(workload, service, workers, 200_000, seed=workers)
    assert found.throughput == pytest.approx(mean_value_analysis(workers, 9.0, 1.0), rel=0.02)


@given(st.integers(1, 40), st.floats(0.01, 30), st.floats(0.01, 3), st.booleans())
@settings(derandomize=True, deadline=None)
def test_throughput_lies_within_the_bounds(workers, think, demand, ahead):
    workload = Workload(think, ENDLESS, Spread(0.0, 0.3), ahead=ahead)
    found = simulate(workload, Service(demand), workers, 4000).throughput
    within = bounds(workers, think, demand, ahead=ahead)
    assert 0.97 * within.low <= found <= 1.03 * within.high


@given(st.integers(1, 40), st.floats(0.01, 30), st.floats(0.01, 3), st.booleans())
@settings(derandomize=True, deadline=None)
def test_workers_are_idle_when_they_do_not_train(workers, epoch, demand, ahead):
    workload = Workload(epoch, Ladder.of(3, 27, 3), EVEN, turnover=0.5, ahead=ahead)
    found = simulate(workload, Service(demand, 2 * demand), workers, 8000)
    assert 1 - found.idle == pytest.approx(found.throughput * epoch / workers, abs=0.02)


def test_a_worker_alone_that_trains_ahead_is_never_idle():
    assert simulate(Workload(2.0, ENDLESS, EVEN), Service(1.9), 1, 1000).idle == pytest.approx(0)


def test_a_worker_alone_that_waits_for_the_answer_is_idle_meanwhile():
    found = simulate(Workload(3.0, ENDLESS, EVEN, ahead=False), Service(1.0), 1, 1000)
    assert found.idle == pytest.approx(0.25)


def test_between_two_trials_a_worker_waits_for_report_trial_and_turnover():
    once = Ladder((1,), 3)  # trials of one epoch
    found = simulate(Workload(6.0, once, EVEN, turnover=2.0), Service(1.0, 3.0), 1, 1000)
    assert found.throughput == pytest.approx(1 / 12, rel=0.01)
    assert found.idle == pytest.approx(0.5, rel=0.01)


def test_past_the_knee_the_driver_never_rests():
    found = simulate(Workload(2.0, Ladder((4,), 3), EVEN), Service(1.0, 2.0), 50, 20_000)
    assert found.throughput == pytest.approx(1 / 1.5, rel=0.01)  # a trial's 2 s over 4 reports


def test_a_simulation_repeats_itself():
    workload = Workload(1.0, Ladder.of(5, 20, 3), Spread(0.2, 0.2), turnover=0.1)
    first, second = (simulate(workload, Service(0.01, 0.1), 20, 2000, seed=7) for _ in range(2))
    assert first == second


def test_a_trial_of_successive_halving_lasts_what_li_et_al_expect():
    assert Ladder.of(1, 27, 3).mean == pytest.approx(3)  # 1 + (1 - 1/3) log_3 27
    assert Ladder.of(2, 32, 4).mean == pytest.approx(2 * (1 + 3 / 4 * 2))


def test_the_last_leg_is_as_long_as_the_budget_leaves_it():
    ladder = Ladder.of(5, 20, 3)
    assert ladder.rungs == (5, 15, 20)
    assert ladder.mean == pytest.approx(5 + 10 / 3 + 5 / 9)


def test_drawn_lengths_have_the_mean_that_is_stated():
    ladder, chance = Ladder.of(5, 20, 3), random.Random(0)
    drawn = [ladder.draw(chance) for _ in range(50_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(ladder.mean, rel=0.01)


@pytest.mark.parametrize(("grace", "epochs"), [(4, 4), (9, 4)])
def test_without_a_rung_below_the_budget_all_are_trained_to_the_end(grace, epochs):
    assert Ladder.of(grace, epochs, 3) == Ladder((4,), 3)

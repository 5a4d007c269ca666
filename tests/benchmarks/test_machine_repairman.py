"""The machine-repairman model against its closed form, and against what bounds it."""

from fractions import Fraction
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.machine_repairman import bounds, knee, mean_value_analysis

WORKERS = st.integers(1, 60)
SECONDS = st.floats(0.001, 100)


def closed_form(workers: int, think: float, demand: float) -> float:
    """Throughput from the probability that the repairman is idle (Kleinrock 1975, section 3.8)."""
    ratio = Fraction(demand) / Fraction(think)
    ways = (
        Fraction(factorial(workers), factorial(workers - k)) * ratio**k for k in range(workers + 1)
    )
    return float((1 - 1 / sum(ways)) / Fraction(demand))


@given(WORKERS, SECONDS, SECONDS)
@settings(derandomize=True, deadline=None)
def test_mean_value_analysis_is_the_closed_form(workers, think, demand):
    expected = closed_form(workers, think, demand)
    assert mean_value_analysis(workers, think, demand) == pytest.approx(expected, rel=1e-9)


@given(WORKERS, SECONDS, SECONDS)
@settings(derandomize=True, deadline=None)
def test_the_exact_throughput_lies_within_the_bounds(workers, think, demand):
    found, within = mean_value_analysis(workers, think, demand), bounds(workers, think, demand)
    assert within.low * (1 - 1e-9) <= found <= within.high * (1 + 1e-9)


@given(WORKERS, SECONDS, SECONDS)
@settings(derandomize=True, deadline=None)
def test_to_train_ahead_bounds_it_no_lower(workers, think, demand):
    waiting, ahead = (bounds(workers, think, demand, ahead=each) for each in (False, True))
    assert ahead.low == waiting.low
    assert ahead.high >= waiting.high


def test_the_knee_is_where_both_upper_bounds_meet():
    assert knee(think=9.0, demand=1.0) == 10
    assert [bounds(n, 9.0, 1.0).high for n in (9, 10, 11)] == [0.9, 1.0, 1.0]


def test_one_who_trains_ahead_keeps_fewer_busy():
    assert knee(think=9.0, demand=1.0, ahead=True) == 9
    assert knee(think=0.5, demand=1.0, ahead=True) == 1

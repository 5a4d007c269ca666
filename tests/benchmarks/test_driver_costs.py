"""Costs that are told apart again after they were put together."""

from dataclasses import replace

import pytest

from benchmarks.driver_costs import Costs, Sample, separate

TRIAL, REPORT, SECOND = 0.055, 0.012, 0.004


def sample(epoch: float, trials: int, reports: int, seconds: float, more: float = 1.0) -> Sample:
    """Half of what goes by trials and reports is Tune's loop's, a quarter each of the others."""
    work = more * (trials * TRIAL + reports * REPORT)
    cpu = work + more * seconds * SECOND
    loop, steps = cpu - work / 2, 5 * trials + 2 * reports + 10 * seconds
    return Sample(epoch, trials, reports, seconds, loop, work / 4, cpu, steps, turnover=0.1)


SAMPLES = [
    sample(epoch, trials, trials * length, seconds)
    for epoch, trials, length, seconds in (
        (0.1, 160, 1, 9.0),
        (0.1, 40, 4, 8.0),
        (0.1, 20, 16, 7.0),
        (0.6, 160, 1, 30.0),
        (0.6, 20, 16, 50.0),
    )
]


def test_trials_reports_and_seconds_are_told_apart():
    found = separate(SAMPLES, lambda each: each.process)
    assert (found.trial, found.report, found.second) == pytest.approx((TRIAL, REPORT, SECOND))


def test_samples_that_are_off_shift_the_rates_a_little():
    noisy = [
        sample(each.epoch, each.trials, each.reports, each.seconds, more)
        for each, more in zip(SAMPLES, (1.02, 0.98, 1.02, 0.98, 1.02), strict=True)
    ]
    found = separate(noisy, lambda each: each.process)
    assert (found.trial, found.report) == pytest.approx((TRIAL, REPORT), rel=0.15)


def test_no_rate_is_below_zero():
    falling = [Sample(0.1, 0, n, 1.0, 0, 0, 5.0 - n, 0, 0) for n in (1, 2, 3)]
    found = separate(falling, lambda each: each.process)
    assert min(found.trial, found.report, found.second) >= 0


def test_a_report_with_its_trials_share_is_the_trial_over_its_epochs_more():
    costs = Costs.of(SAMPLES, poll=0.0)
    assert costs.demand(workers=100, epochs=5) == pytest.approx(REPORT + TRIAL / 5)
    assert costs.demand(100, 5, alone=True) == pytest.approx((REPORT + TRIAL / 5) / 2)


def test_every_step_polls_all_trials_under_way():
    costs = Costs.of(SAMPLES, poll=1e-6)
    expected = REPORT + TRIAL / 5 + 1000 * 1e-6 * (2 + 5 / 5)
    assert costs.demand(workers=1000, epochs=5) == pytest.approx(expected)


def test_what_a_worker_waits_between_trials_is_what_the_loop_does_not_compute():
    costs = Costs.of(SAMPLES, poll=0.0)
    assert costs.turnover == pytest.approx(0.1 - (TRIAL + REPORT) / 2)


def test_a_ledger_that_batches_the_reports_of_short_epochs_is_not_one_that_keeps_up():
    hurried = [replace(each, ledger=each.ledger / 5) for each in SAMPLES if each.epoch < 0.5]
    slow = [each for each in SAMPLES if each.epoch > 0.5]
    found = Costs.of([*hurried, *slow], poll=0.0).ledger
    assert (found.trial, found.report) == pytest.approx((TRIAL / 4, REPORT / 4))

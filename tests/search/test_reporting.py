"""Reports: delivered in order, one at most on its way, and stopped when Tune says so."""

import threading
from collections.abc import Iterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import spec

from search.trials.checkpoints import epochs_of
from search.workers import reporting as module
from search.workers import train
from search.workers.reporting import PERIOD, Pace, Reports
from trainables.training import Epoch


class Tune:
    """Takes reports as Tune does: each only when it is let through; stops or fails at one."""

    def __init__(self, stop_at: int = 0, fail_at: int = 0) -> None:
        self.taken: list[tuple[int, dict | None]] = []
        self.figures: list[dict] = []
        self.open = threading.Semaphore(0)
        self._stop_at, self._fail_at = stop_at, fail_at

    def report(self, metrics, write) -> None:
        self.open.acquire()
        self.taken.append((metrics["epoch"], write and write.args[0]))
        self.figures.append(metrics)
        if metrics["epoch"] == self._stop_at:
            raise SystemExit(0)
        if metrics["epoch"] == self._fail_at:
            raise OSError("No space left on device")


def tune(monkeypatch, **settings) -> Tune:
    made = Tune(**settings)
    monkeypatch.setattr(module, "report", made.report)
    return made


def reporting(*milestones: int) -> Reports:
    """Of a trial whose epochs take no time; without milestones each is one."""
    pace = Pace(milestones or range(1, 99), clock=lambda: 0.0)
    return Reports(pace, lambda epoch: epoch)


def epoch(number: int, state=None) -> Epoch:
    return Epoch(number, {"val_accuracy": 0.1 * number}, state or {})


def test_leaving_delivers_every_epoch_in_order(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release(3)
    with reporting() as reports:
        for number in (1, 2, 3):
            reports.send(epoch(number))
    assert [number for number, _ in driver.taken] == [1, 2, 3]


def test_the_trial_goes_on_before_its_report_is_taken(monkeypatch):
    driver = tune(monkeypatch)
    with reporting() as reports:
        reports.send(epoch(1))
        assert driver.taken == []
        driver.open.release()


def test_a_second_report_waits_for_the_first(monkeypatch):
    driver = tune(monkeypatch)
    with reporting() as reports:
        reports.send(epoch(1))
        second = threading.Thread(target=reports.send, args=(epoch(2),))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        driver.open.release(2)
        second.join()


def test_what_is_delivered_is_the_state_as_it_was_sent(monkeypatch):
    driver, state = tune(monkeypatch), {"weights": [1.0]}
    with reporting() as reports:
        reports.send(epoch(1, state))
        state["weights"][0] = 2.0  # the next epoch trains on
        driver.open.release()
    assert driver.taken == [(1, {"weights": [1.0]})]


def test_a_stopped_trial_ends_and_delivers_nothing_more(monkeypatch):
    driver = tune(monkeypatch, stop_at=2)
    driver.open.release(9)
    with pytest.raises(SystemExit) as ended, reporting() as reports:
        for number in range(1, 9):
            reports.send(epoch(number))
    assert ended.value.code == 0
    assert [number for number, _ in driver.taken] == [1, 2]


def test_a_stop_at_the_last_epoch_ends_the_trial_too(monkeypatch):
    driver = tune(monkeypatch, stop_at=1)
    driver.open.release()
    with pytest.raises(SystemExit), reporting() as reports:
        reports.send(epoch(1))


def test_a_report_that_cannot_be_written_fails_the_trial(monkeypatch):
    driver = tune(monkeypatch, fail_at=1)
    driver.open.release()
    with pytest.raises(OSError, match="No space left"), reporting() as reports:
        reports.send(epoch(1))


def test_a_report_that_cannot_be_written_ends_the_trial_within_the_next_epoch(monkeypatch):
    driver = tune(monkeypatch, fail_at=1)

    def endless(*_: object) -> Iterator[Epoch | None]:
        yield epoch(1)
        driver.open.release()
        while True:  # between the steps of an epoch
            yield None

    monkeypatch.setattr(train, "training_data", lambda job: None)
    monkeypatch.setattr(train, "signed", lambda epoch, architecture: epoch)
    monkeypatch.setattr(train, "_restored", lambda: None)
    monkeypatch.setattr(train, "steps", endless)
    with pytest.raises(OSError, match="No space left"):
        train._train(spec(1), Pace(range(1, 9)))


def test_epochs_between_two_milestones_travel_with_the_second(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release(9)
    with reporting(1, 4) as reports:
        for number in range(1, 5):
            reports.send(epoch(number, {"epoch": number}))
    assert driver.taken == [(1, {"epoch": 1}), (4, {"epoch": 4})]
    told = [each for figures in driver.figures for each in epochs_of(figures)]
    assert [each["epoch"] for each in told] == [1, 2, 3, 4]
    assert [each["val_accuracy"] for each in told] == [0.1 * n for n in range(1, 5)]


def test_epochs_that_wait_when_the_training_fails_are_delivered_without_a_checkpoint(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release(9)
    with pytest.raises(ArithmeticError), reporting(1, 9) as reports:
        for number in range(1, 4):
            reports.send(epoch(number))
        raise ArithmeticError("the loss became nan")
    assert driver.taken == [(1, {}), (3, None)]
    assert [each["epoch"] for each in epochs_of(driver.figures[1])] == [2, 3]


def test_epochs_that_wait_when_tune_stops_the_trial_are_not_delivered(monkeypatch):
    driver = tune(monkeypatch, stop_at=1)
    with pytest.raises(SystemExit), reporting(1, 9) as reports:
        for number in range(1, 4):
            reports.send(epoch(number))
        driver.open.release(9)
    assert [number for number, _ in driver.taken] == [1]


def test_an_epoch_after_one_that_is_not_reported_is_not_held_up(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release(9)
    with reporting(1, 4) as reports:
        for number in range(1, 5):
            reports.send(epoch(number))
    told = [each for figures in driver.figures for each in epochs_of(figures)]
    assert [each["report_seconds"] > 0 for each in told] == [False, True, False, False]


def paced(milestones: set[int], ends: list[float]) -> list[list[int]]:
    """The epochs of every report of a trial whose epochs end at ``ends``."""
    now = iter((0.0, *ends))
    pace = Pace(milestones | {len(ends)}, clock=lambda: next(now))
    reports = (pace.report(number, {}) for number in range(1, len(ends) + 1))
    return [[each["epoch"] for each in epochs_of(report)] for report in reports if report]


def test_every_epoch_of_half_a_second_is_reported_by_itself():
    assert paced(set(), [0.5, 1.0, 1.5]) == [[1], [2], [3]]


def test_shorter_epochs_are_reported_once_half_a_second_has_passed():
    ends = [0.25, 0.5, 0.75, 1.0, 1.25]
    assert paced(set(), ends) == [[1, 2], [3, 4], [5]]


durations = st.lists(st.sampled_from([0.015625, 0.125, 0.25, 0.5, 2.0]), min_size=1, max_size=30)


@given(durations, st.sets(st.integers(1, 30)))
def test_whatever_the_epochs_take_each_is_reported_once_in_order(seconds, milestones):
    ends = list(accumulate(seconds))
    reports = paced(milestones, ends)
    assert [number for report in reports for number in report] == list(range(1, len(ends) + 1))


@given(durations, st.sets(st.integers(1, 30)))
def test_whatever_the_epochs_take_milestones_end_reports_and_others_wait(seconds, milestones):
    ends = list(accumulate(seconds))
    last = [report[-1] for report in paced(milestones, ends)]
    assert milestones & {*range(1, len(ends))} <= {*last}
    for before, number in pairwise([0, *last]):
        begun = ends[before - 1] if before else 0.0
        assert number in milestones | {len(ends)} or ends[number - 1] - begun >= PERIOD
        assert all(ends[each - 1] - begun < PERIOD for each in range(before + 1, number))


def test_an_error_of_the_training_is_raised_after_what_came_before_it_is_delivered(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release()
    with pytest.raises(ArithmeticError), reporting() as reports:
        reports.send(epoch(1))
        raise ArithmeticError("the loss became nan")
    assert [number for number, _ in driver.taken] == [1]

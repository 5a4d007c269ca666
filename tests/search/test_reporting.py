"""Reports: delivered in order, one at most on its way, and stopped when Tune says so."""

import threading

import pytest

from search.workers import reporting as module
from search.workers.reporting import Reports
from trainables.training import Epoch


class Tune:
    """Takes reports as Tune does: each only when it is let through; stops or fails at one."""

    def __init__(self, stop_at: int = 0, fail_at: int = 0) -> None:
        self.taken: list[tuple[int, dict]] = []
        self.open = threading.Semaphore(0)
        self._stop_at, self._fail_at = stop_at, fail_at

    def report(self, metrics, write) -> None:
        self.open.acquire()
        self.taken.append((metrics["epoch"], write.args[0]))
        if metrics["epoch"] == self._stop_at:
            raise SystemExit(0)
        if metrics["epoch"] == self._fail_at:
            raise OSError("No space left on device")


def tune(monkeypatch, **settings) -> Tune:
    made = Tune(**settings)
    monkeypatch.setattr(module, "report", made.report)
    return made


def epoch(number: int, state=None) -> Epoch:
    return Epoch(number, {"val_accuracy": 0.1 * number}, state or {})


def test_leaving_delivers_every_epoch_in_order(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release(3)
    with Reports() as reports:
        for number in (1, 2, 3):
            reports.send(epoch(number))
    assert [number for number, _ in driver.taken] == [1, 2, 3]


def test_the_trial_goes_on_before_its_report_is_taken(monkeypatch):
    driver = tune(monkeypatch)
    with Reports() as reports:
        reports.send(epoch(1))
        assert driver.taken == []
        driver.open.release()


def test_a_second_report_waits_for_the_first(monkeypatch):
    driver = tune(monkeypatch)
    with Reports() as reports:
        reports.send(epoch(1))
        second = threading.Thread(target=reports.send, args=(epoch(2),))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        driver.open.release(2)
        second.join()


def test_what_is_delivered_is_the_state_as_it_was_sent(monkeypatch):
    driver, state = tune(monkeypatch), {"weights": [1.0]}
    with Reports() as reports:
        reports.send(epoch(1, state))
        state["weights"][0] = 2.0  # the next epoch trains on
        driver.open.release()
    assert driver.taken == [(1, {"weights": [1.0]})]


def test_a_stopped_trial_ends_and_delivers_nothing_more(monkeypatch):
    driver = tune(monkeypatch, stop_at=2)
    driver.open.release(9)
    with pytest.raises(SystemExit) as ended, Reports() as reports:
        for number in range(1, 9):
            reports.send(epoch(number))
    assert ended.value.code == 0
    assert reports.stopped
    assert [number for number, _ in driver.taken] == [1, 2]


def test_a_stop_at_the_last_epoch_ends_the_trial_too(monkeypatch):
    driver = tune(monkeypatch, stop_at=1)
    driver.open.release()
    with pytest.raises(SystemExit), Reports() as reports:
        reports.send(epoch(1))


def test_a_report_that_cannot_be_written_fails_the_trial(monkeypatch):
    driver = tune(monkeypatch, fail_at=1)
    driver.open.release()
    with pytest.raises(OSError, match="No space left"), Reports() as reports:
        reports.send(epoch(1))


def test_an_error_of_the_training_is_raised_after_what_came_before_it_is_delivered(monkeypatch):
    driver = tune(monkeypatch)
    driver.open.release()
    with pytest.raises(ArithmeticError), Reports() as reports:
        reports.send(epoch(1))
        raise ArithmeticError("the loss became nan")
    assert [number for number, _ in driver.taken] == [1]

"""Signals to a search: the first is passed on to Tune, the second interrupts."""

import pickle
import signal
import time

import pytest

from search.driver.interruption import ray_signals
from search.driver.stop import TWICE, WorkerProcesses, stopping_gently
from trainables.boundary.door import exit_status


@pytest.fixture
def tune():
    """A search under way; what Tune, which listens to SIGUSR1, was sent."""
    heard: list[int] = []
    with stopping_gently() as stop:
        signal.signal(signal.SIGUSR1, lambda number, _: heard.append(number))
        yield stop, heard


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_ends_tunes_loop(tune, number):
    stop, heard = tune
    signal.raise_signal(number)
    assert (stop.signal, stop.reason, len(heard)) == (number, "", 1)


def test_a_second_signal_interrupts(tune):
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_signal_that_two_pass_on_is_one(tune):
    stop, heard = tune
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert (stop.signal, len(heard)) == (signal.SIGTERM, 1)


def test_the_same_signal_later_interrupts(tune, monkeypatch):
    signal.raise_signal(signal.SIGINT)
    later = time.monotonic() + 2 * TWICE
    monkeypatch.setattr("search.driver.stop.time.monotonic", lambda: later)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_search_that_stops_itself_says_why_and_was_sent_no_signal(tune):
    stop, heard = tune
    stop.halt("no space left")
    stop.halt("no space left, again")
    assert (stop.signal, stop.reason, len(heard)) == (None, "no space left", 1)


def test_before_tune_listens_a_signal_interrupts():
    with stopping_gently(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_afterwards_all_handlers_are_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with stopping_gently():
        pass
    assert [signal.getsignal(number) for number in numbers] == before


def test_tune_can_pickle_it_while_workers_are_about_to_be_ended(tune):
    stop, _ = tune
    signal.raise_signal(signal.SIGINT)
    assert isinstance(pickle.loads(pickle.dumps(stop.workers)), WorkerProcesses)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_a_signal_ends_before_tune_listens_exits_with_it(number, status):
    with pytest.raises(KeyboardInterrupt) as raised, stopping_gently():
        signal.raise_signal(number)
    assert exit_status(raised.value) == status


def test_a_command_that_was_interrupted_otherwise_exits_with_130():
    assert exit_status(KeyboardInterrupt()) == 130


def test_rays_exit_on_sigterm_is_the_signals():
    with pytest.raises(KeyboardInterrupt) as raised, ray_signals():
        raise SystemExit(signal.SIGTERM)
    assert exit_status(raised.value) == 143


def test_another_exit_stays_what_it_is():
    with pytest.raises(SystemExit) as raised, ray_signals():
        raise SystemExit(2)
    assert raised.value.code == 2

"""When a running search's summary is written."""

import threading

import pytest
from made_up import spec

from search.records.summary import SummaryWriter
from search.trials.record import TrialRecord

RECORD = TrialRecord(spec(0), "t0")


@pytest.fixture
def written():
    return []


def test_an_event_is_written_without_waiting_for_another(written):
    done = threading.Event()
    with SummaryWriter(done.set) as writer:
        writer.epoch_ended(RECORD)
        assert done.wait(60)


def test_a_burst_of_events_is_not_written_one_by_one(written):
    with SummaryWriter(lambda: written.append(1), pause=600) as writer:
        for _ in range(100):
            writer.epoch_ended(RECORD)
            writer.trial_ended(RECORD)
    assert 1 <= len(written) <= 2


def test_the_last_event_is_written_before_the_end_of_the_block(written):
    events = []
    with SummaryWriter(lambda: written.append(len(events)), pause=600) as writer:
        for _ in range(100):
            events.append(1)
            writer.epoch_ended(RECORD)
    assert written[-1] == 100


def test_nothing_is_written_after_the_block(written):
    with SummaryWriter(lambda: written.append(1)) as writer:
        pass
    count = len(written)
    writer.epoch_ended(RECORD)
    assert len(written) == count
    assert not writer._thread.is_alive()


def test_a_disk_that_refuses_does_not_end_the_writing():
    calls = []

    def refuse() -> None:
        calls.append(threading.current_thread())
        raise OSError("no space left on device")

    with SummaryWriter(refuse, pause=0.0) as writer:
        for number in range(3):
            writer.epoch_ended(RECORD)
            while len(calls) <= number:
                threading.Event().wait(0.01)
    assert len(calls) >= 3

"""What the record and the listeners hear of a report that holds several epochs."""

import errno
import json
from types import SimpleNamespace

import pytest
from made_up import spec

from search.driver.events import Events, TrialListener
from search.trials.board import TrialBoard
from search.trials.checkpoints import EARLIER
from search.trials.failure import FAILED, HALT, TRACE
from search.trials.files import TrialFiles, folder_name, read_histories
from search.trials.record import Status

TRIAL = SimpleNamespace(trial_id="t", config=spec(3).as_config())


class Heard(TrialListener):
    def __init__(self) -> None:
        self.epochs: list[tuple[int, float]] = []

    def epoch_ended(self, record) -> None:
        self.epochs.append((record.epochs, record.last["val_accuracy"]))


@pytest.fixture
def driver(tmp_path):
    """A board, a listener, and the callbacks of a trial that has begun."""
    board, heard, halted = TrialBoard(5, 9, 100), Heard(), list[str]()
    events = Events(board, [heard], TrialFiles(tmp_path), halted.append)
    events.on_trial_start(0, [], TRIAL)
    return SimpleNamespace(board=board, heard=heard, events=events, search=tmp_path, halted=halted)


def report(driver, first: int, *accuracies: float, seconds: float = 0.125) -> None:
    """Report epochs from ``first`` on, as a worker does and Tune adds to it."""
    *earlier, last = (
        {"epoch": epoch, "val_accuracy": accuracy, "epoch_seconds": seconds}
        for epoch, accuracy in enumerate(accuracies, first)
    )
    driver.events.on_trial_result(0, [], TRIAL, {**last, EARLIER: earlier, "pid": 17})


def test_every_epoch_of_a_report_has_a_line_of_its_own(driver):
    report(driver, 1, 0.2, 0.4, 0.3)
    path = driver.search / folder_name(3, "t") / "result.json"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["epoch"], line["val_accuracy"]) for line in lines] == [
        (1, 0.2),
        (2, 0.4),
        (3, 0.3),
    ]
    assert all(line["pid"] == 17 and EARLIER not in line for line in lines)


def test_a_listener_hears_of_every_epoch_in_order(driver):
    report(driver, 1, 0.2)
    report(driver, 2, 0.4, 0.3)
    assert driver.heard.epochs == [(1, 0.2), (2, 0.4), (3, 0.3)]


def test_the_best_epoch_may_lie_between_two_reports(driver):
    report(driver, 1, 0.2, 0.4, 0.3)
    record = driver.board.record("t")
    assert (record.epochs, record.best_epoch, record.best_score) == (3, 2, 0.4)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_of_a_report_that_repeats_some_epochs_those_that_follow_count(driver, first):
    """The trial goes on from a checkpoint that is older than its record."""
    report(driver, 1, 0.2, 0.4)
    report(driver, first, *(0.1 * epoch for epoch in range(first, 5)))
    assert [epoch for epoch, _ in driver.heard.epochs] == [1, 2, 3, 4]
    (history,) = read_histories(driver.search)
    assert [step.epochs for step in history.steps] == [1, 2, 3, 4]
    assert [step.last["val_accuracy"] for step in history.steps[:2]] == [0.2, 0.4]


def test_a_report_of_epochs_that_are_all_known_changes_nothing(driver):
    report(driver, 1, 0.2, 0.4)
    before = driver.board.record("t")
    report(driver, 1, 0.9, 0.9)
    assert driver.board.record("t") == before
    assert len(driver.heard.epochs) == 2


def test_a_failure_is_no_epoch(driver):
    report(driver, 1, 0.2)
    failed = {"epoch": 0, "val_accuracy": float("nan"), FAILED: "it broke"}
    driver.events.on_trial_result(0, [], TRIAL, failed)
    assert driver.heard.epochs == [(1, 0.2)]


def test_epochs_that_travelled_ended_as_long_before_as_the_later_ones_took(driver, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2000.0)
    driver.events.on_trial_start(0, [], TRIAL)
    monkeypatch.setattr("time.time", lambda: 2001.0)
    report(driver, 1, 0.2, 0.4, 0.3, seconds=0.25)
    (history,) = read_histories(driver.search)
    assert [step.at for step in history.steps] == [2000.5, 2000.75, 2001.0]


def test_no_epoch_ends_before_the_event_that_came_before_it(driver, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2000.0)
    driver.events.on_trial_start(0, [], TRIAL)
    monkeypatch.setattr("time.time", lambda: 2000.25)
    report(driver, 1, 0.2, 0.4, 0.3, seconds=0.25)
    (history,) = read_histories(driver.search)
    assert [step.at for step in history.steps] == [2000.0, 2000.0, 2000.25]


def test_a_record_that_cannot_be_written_halts_the_search_and_says_what_to_do(driver, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "result.json")

    monkeypatch.setattr(TrialFiles, "reported", refuse)
    report(driver, 1, 0.2)
    assert driver.halted == ["Read-only file system: result.json; make it writable first"]


@pytest.mark.parametrize("died", [True, False])
def test_a_trial_that_failed_where_nothing_can_be_written_is_not_to_blame(
    driver, monkeypatch, died
):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    why = {FAILED: "OSError: no such luck", HALT: "", TRACE: ""}
    trial = SimpleNamespace(**vars(TRIAL), last_result=why, error_file=None)
    end = driver.events.on_trial_error if died else driver.events.on_trial_complete
    end(0, [], trial)
    assert driver.board.record("t").status is Status.RUNNING
    (reason,) = driver.halted
    assert reason.endswith("; make it writable first")

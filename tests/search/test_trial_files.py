"""What the files of a trial tell of it, also when its driver died while it wrote them."""

import json
from dataclasses import replace

import pytest
from made_up import spec

from search.trials.board import TrialBoard
from search.trials.files import TrialFiles, folder_name, read_histories, read_history, truncate
from search.trials.record import Status, TrialRecord

SPEC = spec(3, {"lr": 0.01, "optimizer": "sgd"}, stream=2)


@pytest.fixture
def written(tmp_path):
    """A trial of two epochs, its record, and the files that hold it."""
    board, files = TrialBoard(5, 4, 100), TrialFiles(tmp_path)
    files.started(board.started("t", SPEC))
    for epoch, accuracy in ((1, 0.4), (2, 0.3)):
        result = {"epoch": epoch, "val_accuracy": accuracy, "pid": 17, "lr": 0.01}
        told = {"val_accuracy": accuracy, "lr": 0.01}
        files.reported(board.reported("t", epoch, told), result)
    return tmp_path, board.record("t"), files


def cut(search) -> None:
    """As if the driver had died while it wrote the last line."""
    path = search / folder_name(3, "t") / "result.json"
    path.write_text(path.read_text()[:-20])


def test_a_trial_reads_back_as_it_stood(written):
    search, record, _ = written
    (history,) = read_histories(search)
    assert history.record == record
    assert (record.spec, record.status, record.epochs, record.trial_id) == (SPEC, "running", 2, "t")


def test_each_of_its_epochs_reads_back(written):
    (history,) = read_histories(written[0])
    steps = [(step.epochs, step.best_epoch, step.last["val_accuracy"]) for step in history.steps]
    assert steps == [(1, 1, 0.4), (2, 1, 0.3)]


@pytest.mark.parametrize(
    ("status", "final"),
    [("completed", True), ("pruned", True), ("failed", True), ("interrupted", False)],
)
def test_how_it_ended_reads_back(written, status, final):
    search, record, files = written
    ended = replace(record, status=Status(status), error="because", at=4e9)
    files.changed(ended)
    (history,) = read_histories(search)
    assert history.record == ended
    assert history.record.status.is_final is final


def test_a_line_that_was_cut_off_is_left_out(written):
    cut(written[0])
    (history,) = read_histories(written[0])
    assert history.record.epochs == 1


def test_truncated_files_take_the_next_line(written):
    search, record, files = written
    cut(search)
    (history,) = read_histories(search)
    truncate(search, history.record)
    files.reported(record, {"epoch": 2, "val_accuracy": 0.5})
    lines = (search / folder_name(3, "t") / "result.json").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    assert json.loads(lines[0])["pid"] == 17


def test_epochs_after_a_gap_are_not_told(written):
    search, record, files = written
    files.reported(record, {"epoch": 4})
    (history,) = read_histories(search)
    assert history.record.epochs == 2


def test_of_a_trial_that_was_read_before_the_epochs_since_are_read(written):
    search, record, files = written
    folder = search / folder_name(3, "t")
    before = read_history(folder)
    files.reported(replace(record, at=4e9), {"epoch": 3, "val_accuracy": 0.6})
    since = read_history(folder, before)
    assert [step.epochs for step in since.steps] == [3]
    assert (since.record.best_epoch, since.record.epochs) == (3, 3)


def test_a_folder_in_which_nothing_had_begun_is_no_trial(tmp_path):
    (tmp_path / folder_name(0, "x") / "checkpoint_000000").mkdir(parents=True)
    assert read_histories(tmp_path) == []


def test_trials_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10000, 2, 11):
        TrialFiles(tmp_path).started(TrialRecord(spec(number), f"t{number}"))
    found = [history.record.number for history in read_histories(tmp_path)]
    assert found == [2, 11, 10000]

"""What the files of a trial tell of it, also when its driver died while it wrote them."""

import dataclasses
import json

import pytest

from search.trials.board import TrialBoard
from search.trials.files import TrialFiles, folder_name, mend, read_histories
from search.trials.spec import Job, Task
from trainables.data import DataSpec

JOB = Job("gap5", DataSpec("composite"), "embedded", None, None, 4, 7, 1)
TASK = Task(JOB, 3, {"lr": 0.01, "optimizer": "sgd"}, stream=2)


@pytest.fixture
def written(tmp_path):
    """A trial of two epochs, the board that saw them, and its folder."""
    board, files = TrialBoard(5, 4, 100), TrialFiles(tmp_path)
    record = board.started("t", TASK.number, TASK.values, TASK.label, TASK.stream)
    files.started(record, TASK.as_config())
    for epoch, accuracy in ((1, 0.4), (2, 0.3)):
        result = {"epoch": epoch, "val_accuracy": accuracy, "pid": 17, "lr": 0.01}
        told = {"val_accuracy": accuracy, "lr": 0.01}
        files.reported(board.reported("t", epoch, told), result)
    return tmp_path, board, files


def test_a_trial_reads_back_as_it_stood(written):
    search, board, _ = written
    (history,) = read_histories(search)
    assert history.task == TASK
    assert history.records[-1] == board.records[0]
    assert (history.status, history.epochs, history.trial_id) == ("running", 2, "t")


@pytest.mark.parametrize(
    ("status", "over"),
    [("completed", True), ("pruned", True), ("failed", True), ("interrupted", False)],
)
def test_how_it_ended_reads_back(written, status, over):
    search, board, files = written
    files.ended(dataclasses.replace(board.records[0], status=status, error="because", at=4e9))
    (history,) = read_histories(search)
    assert history.record == dataclasses.replace(
        board.records[0], status=status, error="because", at=4e9
    )
    assert history.over is over


def test_a_line_that_was_cut_off_is_left_out(written):
    search, _, _ = written
    path = search / folder_name(3, "t") / "result.json"
    path.write_text(path.read_text()[:-20])
    (history,) = read_histories(search)
    assert history.epochs == 1


def test_mended_files_take_the_next_line(written):
    search, board, files = written
    path = search / folder_name(3, "t") / "result.json"
    path.write_text(path.read_text()[:-20])
    (history,) = read_histories(search)
    mend(history)
    again = dataclasses.replace(board.records[0], epochs=2)
    files.reported(again, {"epoch": 2, "val_accuracy": 0.5})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[0]["pid"] == 17


def test_epochs_after_a_gap_are_not_told(written):
    search, board, files = written
    files.reported(dataclasses.replace(board.records[0], epochs=4), {"epoch": 4})
    (history,) = read_histories(search)
    assert history.epochs == 2


def test_a_folder_in_which_nothing_had_begun_is_no_trial(tmp_path):
    (tmp_path / folder_name(0, "x") / "checkpoint_000000").mkdir(parents=True)
    assert read_histories(tmp_path) == []


def test_trials_come_in_the_order_of_their_numbers(tmp_path):
    files = TrialFiles(tmp_path)
    for number in (10000, 2, 11):
        board = TrialBoard(3, 4, 100)
        record = board.started(f"t{number}", number, {})
        files.started(record, Task(JOB, number, {}).as_config())
    assert [history.task.number for history in read_histories(tmp_path)] == [2, 11, 10000]

"""MLflow as a projection of the trials' files: however often and wherever its writer was killed.

A small search is written step by step. Wherever the process dies, and whatever was projected before
that, the store must in the end hold what one projection of the final files into an empty store
holds.
"""

import dataclasses
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from trial_writing import content, end, new_record, new_writer, report

from search.records import mlflow_writer
from search.records.about import Place
from search.records.mlflow_writer import MlflowWriter
from search.trials.files import (
    RESULTS,
    TrialFiles,
    TrialHistory,
    read_histories,
    read_history,
    trial_folder,
    truncate,
)
from search.trials.record import Status, TrialRecord

WRITES = ("create_experiment", "create_run", "log_batch", "update_run", "set_terminated", "set_tag")
# Of the store's own making, or of the process that wrote last.
OWN = ("mlflow.parentRunId", "run_id")


@dataclasses.dataclass
class Writing:
    """A search that is being written.

    Attributes:
        folder: the search's.
        records: how its trials stand, by their ids.
    """

    folder: Path
    records: dict[str, TrialRecord] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.files = TrialFiles(self.folder)

    def start(self, trial: str, number: int) -> None:
        self.records[trial] = new_record(trial, number)
        self.files.started(self.records[trial])

    def report(self, trial: str, accuracy: float) -> None:
        self.records[trial] = report(self.files, self.records[trial], accuracy)

    def end(self, trial: str, status: Status, error: str = "") -> None:
        self.records[trial] = end(self.files, self.records[trial], status, error)

    def resume(self) -> None:
        """What a process does with the files before it goes on."""
        for history in read_histories(self.folder):
            if not history.record.status.is_final:
                truncate(self.folder, history.record)

    def tear(self) -> None:
        """Leave half a line behind every trial that runs, as a full disk or a kill does."""
        for record in self.records.values():
            if not record.status.is_final:
                with (trial_folder(self.files.search, record) / RESULTS).open("a") as file:
                    file.write(f'{{"epoch": {record.epochs + 1}, "val_acc')


Step = Callable[[Writing], object]
# A trial that completes, one that is pruned, one that fails, one that is interrupted and resumed,
# and one that is interrupted twice.
STEPS: tuple[Step, ...] = (
    lambda w: w.start("a", 0),
    lambda w: w.report("a", 0.2),
    lambda w: w.start("b", 1),
    lambda w: w.report("a", 0.6),
    lambda w: w.report("b", 0.1),
    lambda w: w.start("c", 2),
    lambda w: w.end("b", Status.PRUNED),
    lambda w: w.report("c", 0.3),
    lambda w: w.files.traced(w.records["c"], "Traceback"),
    lambda w: w.end("c", Status.FAILED, "NonFiniteLossError: nan"),
    lambda w: w.report("a", 0.4),
    lambda w: w.end("a", Status.COMPLETED),
    lambda w: w.start("d", 3),
    lambda w: w.report("d", 0.5),
    lambda w: w.start("e", 4),
    lambda w: w.report("e", 0.1),
    lambda w: w.end("d", Status.INTERRUPTED),
    lambda w: w.end("e", Status.INTERRUPTED),
    lambda w: w.end("d", Status.RUNNING),
    lambda w: w.report("d", 0.4),
    lambda w: w.end("e", Status.RUNNING),
    lambda w: w.report("d", 0.7),
    lambda w: w.end("d", Status.COMPLETED),
    lambda w: w.end("e", Status.INTERRUPTED),
)


class Projections:
    """Places of their own in one store, and folders for the searches that are projected there."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place, self._folder, self._count = place, folder, 0

    def new(self) -> tuple[Place, Writing]:
        self._count += 1
        place = dataclasses.replace(self._place, experiment=f"convoy/{self._count}")
        return place, Writing(self._folder / str(self._count))


@pytest.fixture(scope="module")
def projections(new_place, tmp_path_factory) -> Iterator[Projections]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlflow_writer, "PAUSE", 0.0)
        folder = tmp_path_factory.mktemp("projections")
        yield Projections(new_place(folder), folder)


@pytest.fixture(scope="module")
def expected(projections) -> dict[str, Any]:
    """What one projection of the final files makes of an empty store."""
    place, writing = projections.new()
    for step in STEPS:
        step(writing)
    return projected(place, writing)


def projected(place: Place, writing: Writing) -> dict[str, Any]:
    """What a place holds once a new process has projected the files and closed the search."""
    close(restarted(place, writing))
    return {name: _comparable(run) for name, run in content(place).items()}


def _comparable(run: dict[str, Any]) -> dict[str, Any]:
    tags = {key: value for key, value in run["tags"].items() if key not in OWN}
    run = {key: value for key, value in run.items() if key not in OWN} | {"tags": tags}
    if tags["convoy.kind"] == "search":  # which began, and was closed, as often as its process
        del run["start_time"], run["histories"]
    return run


def restarted(place: Place, writing: Writing) -> MlflowWriter:
    """The writer of a process that takes the search up, as the driver and the reconciler do."""
    writer = new_writer(place, writing.folder)
    writer.open()
    writer.recall([each.record for each in read_histories(writing.folder)])
    return writer


def close(writer: MlflowWriter) -> None:
    writer.finish()
    writer.end_search({"epochs": 9}, {"convoy.status": "complete"}, "FINISHED", 1200.0)
    assert writer.close() == []


@dataclasses.dataclass
class Live:
    """A process that projects what has changed since it did last, pass by pass, until it dies."""

    place: Place
    writing: Writing
    written: dict[str, TrialHistory] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._runs = new_writer(self.place, self.writing.folder).runs
        self._runs.open()

    def write(self) -> None:
        for record in self.writing.records.values():
            folder, before = (
                trial_folder(self.writing.files.search, record),
                self.written.get(record.trial_id),
            )
            after = mlflow_writer.project(self._runs, folder, before, pytest.fail)
            if after is not None:
                self.written[record.trial_id] = after


def test_the_files_hold_every_kind_of_trial(expected):
    ends = {name: (run["status"], run["tags"]["convoy.status"]) for name, run in expected.items()}
    assert ends == {
        "s": ("FINISHED", "complete"),
        "s-000-baseline": ("FINISHED", "completed"),
        "s-001": ("FINISHED", "pruned"),
        "s-002": ("FAILED", "failed"),
        "s-003": ("FINISHED", "completed"),
        "s-004": ("KILLED", "interrupted"),
    }
    points = {name: run.get("histories", {}).get("val_accuracy") for name, run in expected.items()}
    assert points["s-003"] == [(1, 1001000, 0.5), (2, 1004000, 0.4), (3, 1005000, 0.7)]
    assert expected["s-003"]["metrics"]["best_val_accuracy"] == 0.7
    assert (expected["s-003"]["end_time"], expected["s-004"]["end_time"]) == (1006000, 1004000)


def test_a_search_killed_after_any_step_leaves_no_trace_of_it(projections, expected):
    for cut in range(len(STEPS) + 1):
        place, writing = projections.new()
        for step in STEPS[:cut]:
            step(writing)
        if cut % 2:
            writing.tear()
        Live(place, writing).write()
        writing.resume()
        for step in STEPS[cut:]:
            step(writing)
        assert projected(place, writing) == expected, f"killed before step {cut}"


def test_a_search_reconciled_after_any_step_leaves_no_trace_of_it(projections, expected):
    for cut in range(0, len(STEPS), 2):
        place, writing = projections.new()
        for step in STEPS[:cut]:
            step(writing)
        writing.tear()
        runs = projected(place, writing)
        assert "RUNNING" not in {run["status"] for run in runs.values()}
        writing.resume()
        for step in STEPS[cut:]:
            step(writing)
        assert projected(place, writing) == expected, f"reconciled before step {cut}"


class Killed(BaseException):
    """The process ends, whatever would be done about an error."""


@pytest.fixture
def die_at(monkeypatch):
    """A function that has the process die at a write to the store, counted from now; 0 for none."""
    left = [0]

    def mortal(write):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return write(*args, **kwargs)

        return call

    for name in WRITES:
        monkeypatch.setattr(MlflowClient, name, mortal(getattr(MlflowClient, name)))
    return lambda count: left.__setitem__(0, count)


def test_a_projection_killed_at_any_write_is_completed_by_the_next(projections, expected, die_at):
    for fatal in itertools.count(1):
        place, writing = projections.new()
        for step in STEPS:
            step(writing)
        die_at(fatal)
        try:
            Live(place, writing).write()
        except Killed:
            die_at(0)
            assert projected(place, writing) == expected, f"killed at write {fatal}"
        else:
            break
    assert fatal > 15


ACTIONS = ("nothing", "pass", "kill", "torn kill", "reconcile")


@settings(max_examples=settings().max_examples // 5)
@given(actions=st.lists(st.sampled_from(ACTIONS), min_size=len(STEPS), max_size=len(STEPS)))
def test_passes_kills_and_reconciliations_leave_no_trace(projections, expected, actions):
    place, writing = projections.new()
    live = Live(place, writing)
    for step, action in zip(STEPS, actions, strict=True):
        step(writing)
        if action == "torn kill":
            writing.tear()
        if action in ("pass", "torn kill"):
            live.write()
        if action == "reconcile":
            projected(place, writing)
        if action in ("kill", "torn kill", "reconcile"):
            writing.resume()
            live = Live(place, writing)
    assert projected(place, writing) == expected


def test_a_trial_whose_folder_is_gone_has_no_run(projections, expected):
    place, writing = projections.new()
    for step in STEPS:
        step(writing)
    projected(place, writing)
    shutil.rmtree(trial_folder(writing.files.search, writing.records["b"]))
    without = {name: run for name, run in expected.items() if name != "s-001"}
    assert projected(place, writing) == without


def test_an_epoch_is_read_once_though_its_line_was_read_by_half(projections):
    _, writing = projections.new()
    writing.start("a", 0)
    writing.report("a", 0.2)
    folder = trial_folder(writing.files.search, writing.records["a"])
    line = '{"epoch": 2, "val_accuracy": 0.3, "recorded": 1002.0}\n'
    with (folder / RESULTS).open("a") as file:
        file.write(line[:20])
    before = read_history(folder)
    with (folder / RESULTS).open("a") as file:
        file.write(line[20:])
    after = read_history(folder, before)
    assert [step.epochs for step in before.steps] == [1]
    assert [step.epochs for step in after.steps] == [2]

"""What MLflow holds of a search whose driver writes it, on a real store."""

import dataclasses
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from trial_writing import (
    JOB,
    VALUES,
    content,
    end,
    new_record,
    new_writer,
    project,
    report,
    write_trial,
)

from search.records import mlflow_writer, permission
from search.records.about import About, Place
from search.records.artifacts import make_experiment
from search.records.experiment import experiment_name
from search.records.run_reader import spec_and_space
from search.records.search_records import SearchRecords
from search.trials.files import STATUS, TrialFiles, trial_folder
from search.trials.record import Status
from search.trials.search_board import SearchBoard
from search.trials.spec import TrialSpec
from trainables.boundary.errors import UsageError

WRITES = ("create_run", "log_batch", "set_tag", "update_run", "set_terminated", "log_artifacts")


@pytest.fixture(scope="module")
def store(tmp_path_factory, new_place):
    """A client of a store with a search of three trials, and their runs by their ids."""
    folder = tmp_path_factory.mktemp("mlflow")
    place, weights = new_place(folder), folder / "best"
    writer = new_writer(place, folder)
    writer.open()
    best = write_trial(folder, "t0", 0, [0.2, 0.6, 0.4])
    pruned = write_trial(folder, "t1", 1, [0.1], Status.PRUNED)
    failed = write_trial(folder, "t2", 2, [], Status.FAILED, "NonFiniteLossError: nan")
    for record in (best, pruned, failed):
        writer.trial_ended(record)
    weights.mkdir()
    (weights / "model.pt").write_bytes(b"weights")
    writer.finish()
    writer.log_folder(best, weights)
    writer.crown(best)
    tags = {"convoy.status": "complete"}
    writer.end_search({"best_val_accuracy": 0.6}, tags, "FINISHED", 1200.5)
    assert writer.close() == []
    return MlflowClient(place.uri), {name: writer.runs.run_id(name) for name in ("t0", "t1", "t2")}


def test_a_trial_is_a_child_of_its_search(store):
    client, runs = store
    child = client.get_run(runs["t0"])
    parent = client.get_run(child.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "s"
    assert parent.data.params["trials"] == "3"
    assert client.get_experiment(child.info.experiment_id).name == "convoy/test"


def test_a_trial_has_its_values_and_tags(store):
    client, runs = store
    data = client.get_run(runs["t0"]).data
    assert {k: str(v) for k, v in VALUES.items()}.items() <= data.params.items()
    assert data.params["architecture"] == "gap5"
    assert data.tags["convoy.search"] == "s"
    assert data.tags["convoy.trial_id"] == "t0"


def test_a_trial_can_be_trained_again_from_its_record(store):
    client, runs = store
    spec, space = spec_and_space(client.tracking_uri, runs["t0"])
    assert space == "test"
    assert spec == TrialSpec(JOB, 0, VALUES, "baseline")


def test_a_run_that_is_no_trials_is_refused(store):
    client, runs = store
    parent = client.get_run(runs["t0"]).data.tags["mlflow.parentRunId"]
    with pytest.raises(UsageError, match="is not the run of a trial"):
        spec_and_space(client.tracking_uri, parent)
    with pytest.raises(UsageError, match="--run nosuchrun"):
        spec_and_space(client.tracking_uri, "nosuchrun")


def test_every_epoch_is_logged_once_at_its_step_and_time(store):
    client, runs = store
    history = client.get_metric_history(runs["t0"], "val_accuracy")
    points = [(point.step, point.timestamp, point.value) for point in history]
    assert points == [(1, 1001000, 0.2), (2, 1002000, 0.6), (3, 1003000, 0.4)]


def test_a_trial_starts_and_ends_when_it_did(store):
    client, runs = store
    info = client.get_run(runs["t0"]).info
    assert (info.start_time, info.end_time) == (1000000, 1004000)


def test_the_last_of_the_best_figures_are_those_of_the_best_epoch(store):
    client, runs = store
    metrics = client.get_run(runs["t0"]).data.metrics
    assert (metrics["best_val_accuracy"], metrics["best_epoch"]) == (0.6, 2)


@pytest.mark.parametrize(
    ("trial", "convoy", "mlflow"),
    [("t0", "completed", "FINISHED"), ("t1", "pruned", "FINISHED"), ("t2", "failed", "FAILED")],
)
def test_a_run_says_how_its_trial_ended(store, trial, convoy, mlflow):
    client, runs = store
    run = client.get_run(runs[trial])
    assert run.data.tags["convoy.status"] == convoy
    assert run.info.status == mlflow


def test_a_failure_has_its_reason(store):
    client, runs = store
    assert client.get_run(runs["t2"]).data.tags["convoy.error"] == "NonFiniteLossError: nan"


def test_no_run_is_left_running(store):
    client, _ = store
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert len(runs) == 4
    assert "RUNNING" not in {run.info.status for run in runs}


def test_the_winner_is_tagged_and_holds_the_files(store):
    client, runs = store
    assert client.get_run(runs["t0"]).data.tags["convoy.winner"] == "true"
    assert "convoy.winner" not in client.get_run(runs["t1"]).data.tags
    assert [file.path for file in client.list_artifacts(runs["t0"])] == ["model.pt"]


def test_the_search_ends_with_its_result(store):
    client, runs = store
    parent = client.get_run(client.get_run(runs["t0"]).data.tags["mlflow.parentRunId"])
    assert parent.data.metrics == {"best_val_accuracy": 0.6}
    assert parent.data.tags["convoy.status"] == "complete"
    assert (parent.info.status, parent.info.end_time) == ("FINISHED", 1200500)


@pytest.mark.parametrize(
    ("source", "name"), [("embedded", "convoy/gap5-embedded"), ("/data", "convoy/gap5")]
)
def test_embedded_data_have_an_experiment_of_their_own(source, name):
    assert experiment_name("gap5", source) == name


def test_a_trial_that_uses_the_known_place_is_tagged(place, tmp_path):
    records = [
        new_record("known", 1, region_swap="bottom_right"),
        new_record("random", 2, region_swap="random"),
    ]
    for record in records:
        TrialFiles(tmp_path).started(record)
    project(place, tmp_path, *records)
    known, random = (content(place)[name]["tags"] for name in ("s-001", "s-002"))
    assert known["convoy.assumption"] == "the shortcut lies bottom_right"
    assert "convoy.assumption" not in random


# When and how it is written.


@pytest.fixture
def opened(place, tmp_path):
    """A writer at work, which is closed in the end."""
    writer = new_writer(place, tmp_path)
    writer.open()
    yield writer
    writer.close()


@pytest.fixture
def batches(monkeypatch):
    """The runs to which a batch was logged, and its metrics."""
    logged, log = [], MlflowClient.log_batch

    def log_batch(client, run_id, metrics=(), *args, **kwargs):
        logged.append((run_id, list(metrics)))
        return log(client, run_id, metrics, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    return logged


def test_what_was_marked_meanwhile_is_written_in_one_batch_a_trial(opened, batches, tmp_path):
    gate = threading.Event()
    opened._ending.wait, wait = lambda pause: gate.wait(), opened._ending.wait
    opened.trial_started(new_record("none", 9))  # has no files: the pass that it causes is empty
    while opened._changed:
        time.sleep(0.01)
    for trial, number, accuracies in (("t0", 0, [0.2, 0.6, 0.4]), ("t1", 1, [0.1])):
        record = write_trial(tmp_path, trial, number, accuracies)
        opened.trial_started(record)
        opened.epoch_ended(record)
        opened.trial_ended(record)
    opened._ending.wait = wait
    gate.set()
    opened.finish()
    assert [run for run, _ in batches] == [opened.runs.run_id("t0"), opened.runs.run_id("t1")]
    stamps = [metric.timestamp for metric in batches[0][1]]
    assert stamps == sorted(stamps)


def test_an_epoch_is_written_alone_after_those_before_it(opened, batches, tmp_path):
    files, record = TrialFiles(tmp_path), new_record("t", 0)
    files.started(record)
    for accuracy in (0.1, 0.3, 0.2):
        record = report(files, record, accuracy)
        opened.epoch_ended(record)
        until(lambda epoch=record.epochs: sum(bool(m) for _, m in batches) == epoch)
    steps = [{metric.step for metric in metrics} for _, metrics in batches if metrics]
    assert steps == [{1}, {2}, {3}]


def until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_record_appears_without_being_asked_for(opened, tmp_path):
    files = TrialFiles(tmp_path)
    record = new_record("t0", 0)
    files.started(record)
    opened.trial_started(record)
    opened.epoch_ended(report(files, record, 0.3))
    client = MlflowClient(opened.runs.place.uri)
    until(lambda: (run := opened.runs.run_id("t0")) and client.get_run(run).data.metrics)
    assert client.get_run(opened.runs.run_id("t0")).data.metrics["val_accuracy"] == 0.3


def test_more_epochs_than_a_batch_takes_are_all_written(place, tmp_path):
    accuracies = [number / 1000 for number in range(700)]  # of four figures each
    project(place, tmp_path, write_trial(tmp_path, "t0", 0, accuracies))
    history = content(place)["s-000-baseline"]["histories"]["val_accuracy"]
    assert [value for _, _, value in history] == accuracies


def test_the_store_writes_ahead_and_its_file_holds_everything_once_closed(place, tmp_path):
    writer = new_writer(place, tmp_path)
    writer.open()
    writer.trial_ended(write_trial(tmp_path, "t0", 0, [0.2, 0.6]))
    writer.finish()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.close() == []
    shutil.copyfile(tmp_path / "mlflow.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as store:
        count = "SELECT COUNT(*) FROM metrics WHERE key = 'val_accuracy'"
        assert store.execute(count).fetchone() == (2,)
        status = "SELECT status FROM runs WHERE name != 's'"
        assert store.execute(status).fetchone() == ("FINISHED",)


# What was written before.


def test_what_is_recalled_again_and_again_is_written_once(place, tmp_path):
    records = [
        write_trial(tmp_path, "a", 1, [0.2, 0.4]),
        write_trial(tmp_path, "b", 2, [0.1], Status.PRUNED),
    ]
    project(place, tmp_path, *records)
    first = content(place)
    points = {name: len(run["histories"].get("val_accuracy", [])) for name, run in first.items()}
    assert points == {"s": 0, "s-001": 2, "s-002": 1}
    for _ in range(2):
        project(place, tmp_path, *records)
        again = content(place)
        assert {**again, "s": None} == {**first, "s": None}


def test_what_a_dead_driver_left_half_written_is_completed(place, tmp_path):
    files, record = TrialFiles(tmp_path), new_record("a", 1)
    files.started(record)
    record = report(files, record, 0.2)
    project(place, tmp_path, record)  # and then it dies
    for accuracy in (0.4, 0.6):
        record = report(files, record, accuracy)
    project(place, tmp_path, end(files, record, Status.COMPLETED))
    run = content(place)["s-001"]
    assert run["status"] == "FINISHED"
    assert [step for step, _, _ in run["histories"]["val_accuracy"]] == [1, 2, 3]


def test_a_run_of_a_trial_that_had_not_begun_is_deleted(place, tmp_path):
    records = [write_trial(tmp_path, "a", 1, [0.2]), write_trial(tmp_path, "b", 2, [0.1])]
    project(place, tmp_path, *records)
    project(place, tmp_path, records[0])
    assert set(content(place)) == {"s", "s-001"}


def test_all_runs_of_a_trial_but_one_are_deleted(place, tmp_path):
    record = write_trial(tmp_path, "a", 1, [0.2])
    project(place, tmp_path, record)
    before, client = content(place)["s-001"], MlflowClient(place.uri)
    experiment = client.get_experiment_by_name(place.experiment).experiment_id
    for start in (0, 2**41):
        client.create_run(experiment, start, before["tags"], "s-001")
    project(place, tmp_path, record)
    run = content(place)["s-001"]  # which has met one of this name
    assert run["histories"] == before["histories"]
    assert run["status"] == "FINISHED"


def test_a_resumed_trial_runs_again_in_its_own_run(place, tmp_path, opened):
    record = write_trial(tmp_path, "a", 1, [0.2], Status.INTERRUPTED)
    project(place, tmp_path, record)
    before = content(place)["s-001"]
    assert before["status"] == "KILLED"
    opened.runs.open()
    record = end(TrialFiles(tmp_path), record, Status.RUNNING)
    opened.trial_started(record)
    until(lambda: content(place)["s-001"]["tags"]["convoy.status"] == "running")
    now = content(place)["s-001"]
    assert (now["run_id"], now["status"]) == (before["run_id"], "RUNNING")


def test_a_later_winner_is_the_only_one(place, tmp_path):
    records = [write_trial(tmp_path, "a", 1, [0.4]), write_trial(tmp_path, "b", 2, [0.2])]
    for each in records:  # as if the first had led when the search was interrupted
        writer = new_writer(place, tmp_path)
        writer.open()
        writer.recall(records)
        writer.finish()
        writer.crown(each)
        assert writer.close() == []
    winners = {name for name, run in content(place).items() if "convoy.winner" in run["tags"]}
    assert winners == {"s-002"}


def test_a_search_resumed_with_other_resources_goes_on_with_the_params_it_began_with(place):
    first, again = (About(place, {"concurrency": n, f"n{n}": n}, {}, JOB, {}) for n in (1, 2))
    for about in (first, again):
        records = SearchRecords(Path(place.artifacts), about, "the id")
        assert records.writer.close() == []
    assert content(place)["s"]["params"] == {"concurrency": "1", "n1": "1", "n2": "2"}


def test_a_checkpoint_that_a_trial_was_writing_as_its_search_ended_is_not_a_loss(place, tmp_path):
    asked, board = new_record("a", 1).spec, SearchBoard(1, 1, 100)
    records = SearchRecords(tmp_path, About(place, {}, {}, JOB, {}), "the id")
    TrialFiles(tmp_path).started(board.trials.started("a", asked))
    (trial_folder(tmp_path, board.record("a")) / "checkpoint_000000").mkdir()
    records.writer.trial_ended(board.trials.ended("a"))
    assert records.close(board, "complete").errors == []


# Trials whose end their files do not tell.


def test_a_trial_that_runs_as_the_search_ends_is_interrupted(place, tmp_path, opened):
    record = new_record("a", 1)
    TrialFiles(tmp_path).started(record)
    opened.trial_started(record)
    assert opened.close() == []
    run = content(place)["s-001"]
    assert (run["status"], run["tags"]["convoy.status"]) == ("KILLED", "interrupted")


def test_a_trial_whose_end_found_no_room_on_the_disk_is_interrupted(place, tmp_path, opened):
    files = TrialFiles(tmp_path)
    files.started(new_record("a", 1))
    record = report(files, new_record("a", 1), 0.2)
    opened.trial_ended(dataclasses.replace(record, status=Status.COMPLETED))
    assert opened.close() == []
    run = content(place)["s-001"]
    assert (run["status"], run["end_time"]) == ("KILLED", 1001000)


@pytest.mark.parametrize("damage", [shutil.rmtree, lambda f: (f / STATUS).write_text("{")])
def test_a_trial_whose_files_are_lost_is_not_left_running(place, tmp_path, opened, damage):
    files, record = TrialFiles(tmp_path), new_record("a", 1)
    files.started(record)
    opened.trial_started(record)
    until(lambda: opened.runs.run_id("a") and not opened._changed)
    damage(trial_folder(files.search, record))
    opened.close()
    run = content(place)["s-001"]
    assert (run["status"], run["tags"]["convoy.status"]) == ("KILLED", "interrupted")


# What goes wrong.


def test_a_store_that_cannot_be_opened_is_named_in_one_line(tmp_path):
    (tmp_path / "none").write_text("a file where the folder should be")
    place = Place(f"sqlite:///{tmp_path}/none/mlflow.db", "convoy/test", None, "s")
    with pytest.raises(UsageError, match=f"^--tracking-uri {place.uri}: .*") as error:
        SearchRecords(tmp_path, About(place, {}, {}, JOB, {}), "the id")
    assert "\n" not in str(error.value)


def test_an_experiment_that_another_search_makes_at_the_same_time_is_shared(
    place, tmp_path, monkeypatch
):
    find, asked = MlflowClient.get_experiment_by_name, []
    client = MlflowClient(place.uri)
    experiment = client.create_experiment(place.experiment)

    def not_there_yet(client, name):
        asked.append(name)
        return None if len(asked) == 1 else find(client, name)

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", not_there_yet)
    assert make_experiment(client, place.experiment, place.uri, tmp_path) == experiment


def test_a_user_who_may_not_log_is_named(place, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "reader")
    monkeypatch.setattr(MlflowClient, "create_run", refuse)
    monkeypatch.setattr(permission, "WAIT", 0)
    with pytest.raises(UsageError, match="user 'reader' may not log to convoy/test"):
        new_writer(place, tmp_path).open()


def test_a_value_that_is_refused_takes_nothing_else_with_it(place, tmp_path):
    writer = new_writer(place, tmp_path, **{"no? name": 1})
    writer.open()
    writer.trial_ended(write_trial(tmp_path, "t0", 1, [0.2, 0.6]))
    (error,) = writer.close()
    run = content(place)["s-001"]
    assert "no? name" in error
    assert [value for _, _, value in run["histories"]["val_accuracy"]] == [0.2, 0.6]
    assert (run["tags"]["convoy.status"], run["status"]) == ("completed", "FINISHED")


def test_a_run_is_closed_though_the_reason_of_its_failure_is_refused(place, tmp_path, monkeypatch):
    log = MlflowClient.log_batch

    def log_batch(client, run_id, metrics=(), params=(), tags=()):
        if "convoy.error" in {tag.key for tag in tags}:
            raise ValueError("refused, says postgresql://convoy:hush@host/db")
        return log(client, run_id, metrics, params, tags)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    files, record = TrialFiles(tmp_path), new_record("a", 1)
    files.started(record)
    writer = new_writer(place, tmp_path)
    writer.open()
    writer.trial_started(record)
    until(lambda: writer.runs.run_id("a") and not writer._changed)
    writer.trial_ended(end(files, record, Status.FAILED, "because"))
    (error,) = writer.close()
    assert error.startswith("ValueError: refused")
    assert "hush" not in error
    assert content(place)["s-001"]["status"] == "FAILED"


def test_an_error_of_one_trial_is_reported_and_the_others_are_written(place, tmp_path, opened):
    broken, record = write_trial(tmp_path, "a", 1, [0.1]), write_trial(tmp_path, "b", 2, [0.2])
    (trial_folder(tmp_path, broken) / STATUS).write_text("{")
    opened.trial_ended(broken)
    until(lambda: opened.errors)
    opened.trial_ended(record)
    assert "JSONDecodeError" in opened.close()[0]
    assert content(place)["s-002"]["status"] == "FINISHED"


def test_a_trial_that_could_not_be_written_is_written_at_the_end(
    place, tmp_path, opened, monkeypatch
):
    create = MlflowClient.create_run
    monkeypatch.setattr(MlflowClient, "create_run", lambda *args, **kwargs: 1 / 0)
    opened.trial_ended(write_trial(tmp_path, "a", 1, [0.1]))
    until(lambda: opened.errors)
    monkeypatch.setattr(MlflowClient, "create_run", create)
    opened.close()
    assert content(place)["s-001"]["status"] == "FINISHED"


def test_a_writer_that_was_never_opened_is_closed_without_an_error(place, tmp_path):
    writer = new_writer(place, tmp_path)
    writer.finish()
    assert writer.close() == []


# A store that falls silent.


class Line:
    """The line to a store: ``cut`` while nothing can be written to it."""

    def __init__(self) -> None:
        self.cut, self.tried = False, 0


@pytest.fixture
def line(monkeypatch):
    line = Line()
    monkeypatch.setattr(mlflow_writer, "PAUSE", 0.02)
    monkeypatch.setattr(mlflow_writer, "PATIENCE", 0.2)

    def over(write):
        def call(*args, **kwargs):
            line.tried += line.cut
            if line.cut:
                raise MlflowException("no answer")
            return write(*args, **kwargs)

        return call

    for name in (*WRITES, "search_runs"):
        monkeypatch.setattr(MlflowClient, name, over(getattr(MlflowClient, name)))
    return line


def test_what_happened_while_the_store_was_silent_is_written_once_it_answers(
    line, place, tmp_path, opened
):
    files, record = TrialFiles(tmp_path), new_record("a", 1)
    files.started(record)
    opened.trial_started(record)
    until(lambda: opened.runs.run_id("a") and not opened._changed)
    line.cut = True
    record = report(files, record, 0.1)
    opened.epoch_ended(record)
    until(lambda: line.tried > 2)
    record = report(files, record, 0.3)
    opened.epoch_ended(record)
    opened.trial_ended(write_trial(tmp_path, "b", 2, [0.2]))
    line.cut = False
    until(lambda: not opened._changed)
    opened.trial_ended(end(files, record, Status.COMPLETED))
    assert opened.close() == []
    runs = content(place)
    accuracies = [value for _, _, value in runs["s-001"]["histories"]["val_accuracy"]]
    assert accuracies == [0.1, 0.3]
    assert {runs[name]["status"] for name in ("s-001", "s-002")} == {"FINISHED"}


def test_a_store_that_does_not_come_back_is_reported_once_with_the_remedy(
    line, place, tmp_path, opened
):
    line.cut = True
    records = [write_trial(tmp_path, name, number, [0.1]) for number, name in enumerate("abc", 1)]
    for record in records:
        opened.trial_ended(record)
    until(lambda: line.tried > 2)
    opened.crown(records[0])
    opened.end_search({}, {}, "FINISHED", 1200.0)
    expected = (
        f"{place.uri} does not answer and lacks the end of 3 trials; later run "
        f"python -m search.reconcile s --out {tmp_path.parent}"
    )
    assert opened.close() == opened.close() == [expected]
    line.cut = False
    project(place, tmp_path, *records)
    assert {run["status"] for name, run in content(place).items() if name != "s"} == {"FINISHED"}


def test_the_end_of_a_search_waits_a_little_for_a_silent_store(line, place, tmp_path, opened):
    line.cut = True
    opened.trial_ended(write_trial(tmp_path, "a", 1, [0.1]))
    until(lambda: line.tried > 2)
    threading.Timer(0.1, lambda: setattr(line, "cut", False)).start()
    opened.end_search({"epochs": 1}, {}, "FINISHED", 1200.0)
    assert opened.close() == []
    assert {name: run["status"] for name, run in content(place).items()} == {
        "s": "FINISHED",
        "s-001": "FINISHED",
    }


def test_a_run_that_a_store_made_and_did_not_confirm_is_not_left(
    line, place, tmp_path, opened, monkeypatch
):
    create = MlflowClient.create_run

    def create_run(*args, **kwargs):
        create(*args, **kwargs)
        monkeypatch.setattr(MlflowClient, "create_run", create)
        line.cut = True
        raise MlflowException("no answer")

    monkeypatch.setattr(MlflowClient, "create_run", create_run)
    opened.trial_ended(write_trial(tmp_path, "a", 1, [0.1]))
    until(lambda: line.tried > 2)
    line.cut = False
    assert opened.close() == []
    assert content(place)["s-001"]["status"] == "FINISHED"  # which has met one of this name


def test_epochs_are_not_lost_where_the_store_falls_silent_between_two_batches(
    line, place, tmp_path, opened, monkeypatch
):
    log, left = MlflowClient.log_batch, [2]

    def log_batch(*args, **kwargs):
        left[0] -= 1
        line.cut = line.cut or left[0] == 0
        if left[0] == 1:
            raise ValueError("refused once")
        return log(*args, **kwargs)

    files, record = TrialFiles(tmp_path), new_record("a", 1)
    files.started(record)
    for accuracy in (0.1, 0.2):
        record = report(files, record, accuracy)
    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    opened.epoch_ended(record)
    until(lambda: line.tried > 2)
    line.cut = False
    assert opened.close() == []
    history = content(place)["s-001"]["histories"]["val_accuracy"]
    assert [value for _, _, value in history] == [0.1, 0.2]

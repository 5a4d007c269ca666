"""What MLflow holds of a search, on a real store."""

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from search.experiment import experiment_name
from search.ledger import Ledger, Place
from search.recorded import recorded_task
from search.scoreboard import TrialRecord
from search.task import Job, Task
from search.trial_files import History
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec

JOB = Job("gap5", DataSpec("composite"), "embedded", None, None, 4, 7, 1)

VALUES = {"lr": 0.01, "optimizer": "sgd", "momentum": 0.9}


def epochs(record: TrialRecord, accuracies: list[float]) -> list[TrialRecord]:
    records = []
    for epoch, accuracy in enumerate(accuracies, start=1):
        record = record.after(epoch, {"val_accuracy": accuracy, "train_loss": 1 / epoch})
        records.append(record)
    return records


def replay(ledger: Ledger, trial_id: str, number: int, accuracies, status, error="") -> None:
    import dataclasses

    history = [
        TrialRecord(
            trial_id, number, VALUES, "baseline" if number == 0 else str(number), started=1000.0
        )
    ]
    ledger.trial_started(history[0])
    history += epochs(history[0], accuracies)
    for record in history[1:]:
        ledger.epoch_ended(record)
    ledger.trial_ended(dataclasses.replace(history[-1], status=status, error=error))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    place = Place(f"sqlite:///{folder}/mlflow.db", "convoy/test", folder / "artifacts", "search-a")
    ledger = Ledger(place, {"trials": 3}, {"architecture": "gap5"}, JOB)
    replay(ledger, "t0", 0, [0.2, 0.6, 0.4], "completed")
    replay(ledger, "t1", 1, [0.1], "pruned")
    replay(ledger, "t2", 2, [], "failed", "NonFiniteLossError: nan")
    winner = folder / "best"
    winner.mkdir()
    (winner / "model.pt").write_bytes(b"weights")
    best = epochs(TrialRecord("t0", 0, VALUES, "baseline"), [0.2, 0.6, 0.4])[-1]
    ledger.keep(best, winner)
    ledger.crown(best)
    ledger.end_search({"best_val_accuracy": 0.6}, {"convoy.status": "complete"}, "FINISHED")
    ledger.flush()
    runs = {name: ledger.run_id(name) for name in ("t0", "t1", "t2")}
    assert ledger.close() == []
    return MlflowClient(place.uri), runs


def test_a_trial_is_a_child_of_its_search(store):
    client, runs = store
    child = client.get_run(runs["t0"])
    parent = client.get_run(child.data.tags["mlflow.parentRunId"])
    assert parent.info.run_name == "search-a"
    assert parent.data.params["trials"] == "3"
    assert client.get_experiment(child.info.experiment_id).name == "convoy/test"


def test_a_trial_has_its_values_and_tags(store):
    client, runs = store
    data = client.get_run(runs["t0"]).data
    assert {k: str(v) for k, v in VALUES.items()}.items() <= data.params.items()
    assert data.params["architecture"] == "gap5"
    assert data.tags["convoy.search"] == "search-a"
    assert data.tags["convoy.trial_id"] == "t0"


def test_a_trial_can_be_trained_again_from_its_record(store):
    client, runs = store
    task, space = recorded_task(client.tracking_uri, runs["t0"])
    assert space == "test"
    assert task == Task(JOB, 0, VALUES, "baseline")


def test_a_run_that_is_no_trials_is_refused(store):
    client, runs = store
    parent = client.get_run(runs["t0"]).data.tags["mlflow.parentRunId"]
    with pytest.raises(UsageError, match="is not the run of a trial"):
        recorded_task(client.tracking_uri, parent)
    with pytest.raises(UsageError, match="--run nosuchrun"):
        recorded_task(client.tracking_uri, "nosuchrun")


def test_a_trial_that_uses_the_known_place_is_tagged(place_and_swap):
    known, random = place_and_swap
    assert known.data.tags["convoy.assumption"] == "the shortcut lies bottom_right"
    assert "convoy.assumption" not in random.data.tags


@pytest.fixture
def place_and_swap(tmp_path):
    place = Place(f"sqlite:///{tmp_path / 'mlflow.db'}", "convoy/test", tmp_path / "a", "s")
    ledger = Ledger(place, {}, {}, JOB)
    for number, swap in enumerate(("bottom_right", "random")):
        values = {**VALUES, "region_swap": swap}
        ledger.trial_started(TrialRecord(f"t{number}", number, values, str(number)))
    ledger.flush()
    client = MlflowClient(place.uri)
    runs = [client.get_run(ledger.run_id(f"t{number}")) for number in (0, 1)]
    ledger.close()
    return runs


def test_every_epoch_is_logged_once_at_its_step(store):
    client, runs = store
    history = client.get_metric_history(runs["t0"], "val_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.2), (2, 0.6), (3, 0.4)]


def test_the_best_epoch_is_logged_at_the_end(store):
    client, runs = store
    metrics = client.get_run(runs["t0"]).data.metrics
    assert (metrics["best_val_accuracy"], metrics["best_epoch"]) == (0.6, 2)


@pytest.mark.parametrize(
    ("trial", "convoy", "mlflow"),
    [("t0", "completed", "FINISHED"), ("t1", "pruned", "FINISHED"), ("t2", "failed", "FAILED")],
)
def test_how_a_trial_ended_is_told(store, trial, convoy, mlflow):
    client, runs = store
    run = client.get_run(runs[trial])
    assert run.data.tags["convoy.status"] == convoy
    assert run.info.status == mlflow


def test_a_failure_has_its_reason(store):
    client, runs = store
    assert client.get_run(runs["t2"]).data.tags["convoy.error"] == "NonFiniteLossError: nan"


def test_no_run_is_left_running(store):
    client, _ = store
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert len(found) == 4
    assert "RUNNING" not in {run.info.status for run in found}


def test_the_winner_is_tagged_and_holds_the_files(store):
    client, runs = store
    assert client.get_run(runs["t0"]).data.tags["convoy.winner"] == "true"
    assert "convoy.winner" not in client.get_run(runs["t1"]).data.tags
    assert [file.path for file in client.list_artifacts(runs["t0"])] == ["model.pt"]


def test_a_store_that_refuses_is_reported_and_does_not_stop_the_search(tmp_path):
    place = Place(f"sqlite:///{tmp_path}/none/mlflow.db", "convoy/test", tmp_path, "search-a")
    (tmp_path / "none").write_text("a file where the folder should be")
    ledger = Ledger(place, {}, {}, JOB)
    replay(ledger, "t0", 0, [0.2], "completed")
    assert ledger.close()


@pytest.mark.parametrize(
    ("source", "name"), [("embedded", "convoy/gap5-embedded"), ("/data", "convoy/gap5")]
)
def test_embedded_data_have_an_experiment_of_their_own(source, name):
    assert experiment_name("gap5", source) == name


@pytest.fixture
def lagging(tmp_path, monkeypatch):
    """A function that replays trials to a ledger whose store takes nothing until all is queued,
    and the batches that it then wrote, as (run, metrics)."""
    gate, batches = threading.Event(), []
    create, log = MlflowClient.create_run, MlflowClient.log_batch

    def create_run(*args, **kwargs):
        gate.wait()
        return create(*args, **kwargs)

    def log_batch(client, run_id, metrics=(), *args, **kwargs):
        batches.append((run_id, list(metrics)))
        return log(client, run_id, metrics, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "create_run", create_run)
    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    ledgers = []

    def run(*replays, **shared):
        ledger = Ledger(place_in(tmp_path), {}, {"architecture": "gap5", **shared}, JOB)
        ledgers.append(ledger)
        for trial in replays:
            replay(ledger, *trial)
        gate.set()
        ledger.flush()
        return MlflowClient(ledger._place.uri), ledger, batches

    yield run
    for ledger in ledgers:
        ledger.close()


def place_in(folder) -> Place:
    return Place(f"sqlite:///{folder / 'mlflow.db'}", "convoy/test", folder / "a", "s")


def test_what_queued_up_for_a_trial_is_written_at_once(lagging):
    _, ledger, batches = lagging(
        ("t0", 0, [0.2, 0.6, 0.4], "completed"), ("t1", 1, [0.1], "pruned")
    )
    written = [run for run, _ in batches]
    assert written == [ledger.parent, ledger.run_id("t0"), ledger.run_id("t1")]


def test_what_is_written_late_has_the_time_and_order_of_its_events(lagging):
    queued = int(time.time() * 1000)
    client, ledger, batches = lagging(("t0", 0, [0.2, 0.6, 0.4], "completed"))
    history = client.get_metric_history(ledger.run_id("t0"), "val_accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.2), (2, 0.6), (3, 0.4)]
    stamps = [metric.timestamp for metric in batches[-1][1]]
    assert stamps == sorted(stamps)
    assert queued <= stamps[0]
    assert stamps[-1] <= client.get_run(ledger.run_id("t0")).info.end_time <= queued + 5000


def test_more_epochs_than_a_batch_takes_are_all_written(lagging):
    accuracies = [number / 1000 for number in range(700)]  # of two figures each
    client, ledger, _ = lagging(("t0", 0, accuracies, "completed"))
    history = client.get_metric_history(ledger.run_id("t0"), "val_accuracy")
    assert [point.value for point in history] == accuracies
    assert ledger.errors == []


def test_a_value_that_is_refused_takes_nothing_else_with_it(lagging):
    client, ledger, _ = lagging(("t0", 0, [0.2, 0.6], "completed"), **{"no? name": 1})
    run = client.get_run(ledger.run_id("t0"))
    assert len(ledger.errors) == 1
    assert run.data.metrics["val_accuracy"] == 0.6
    assert (run.data.tags["convoy.status"], run.info.status) == ("completed", "FINISHED")


def test_a_record_appears_without_being_asked_for(tmp_path):
    ledger = Ledger(place_in(tmp_path), {}, {}, JOB)
    ledger.flush()
    record = TrialRecord("t0", 0, VALUES, "0")
    ledger.trial_started(record)
    ledger.epoch_ended(epochs(record, [0.3])[-1])
    deadline, client, found = time.monotonic() + 60, MlflowClient(ledger._place.uri), {}
    while "val_accuracy" not in found and time.monotonic() < deadline:
        time.sleep(0.05)
        run = ledger.run_id("t0")
        found = client.get_run(run).data.metrics if run else {}
    ledger.close()
    assert found["val_accuracy"] == 0.3


def test_the_store_writes_ahead_and_its_file_holds_everything_once_closed(tmp_path):
    ledger = Ledger(place_in(tmp_path), {}, {}, JOB)
    replay(ledger, "t0", 0, [0.2, 0.6], "completed")
    ledger.flush()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger.close() == []
    shutil.copyfile(tmp_path / "mlflow.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as store:
        assert store.execute("SELECT COUNT(*) FROM metrics").fetchone() == (6,)
        assert store.execute("SELECT status FROM runs WHERE name != 's'").fetchone() == (
            "FINISHED",
        )


def history(trial: str, number: int, accuracies: list[float], status="completed") -> History:
    """A trial as its files tell it, an epoch a second."""
    record = TrialRecord(trial, number, VALUES, str(number), started=1000.0, at=1000.0)
    records = [record]
    for epoch, accuracy in enumerate(accuracies, start=1):
        records.append(records[-1].after(epoch, {"val_accuracy": accuracy}, 1000.0 + epoch))
    return History(Path(), Task(JOB, number, VALUES), tuple(records), status, "", 1100.0)


def everything(place: Place) -> dict:
    """All that a store holds, by the names of its runs."""
    client, told = MlflowClient(place.uri), {}
    for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):
        histories = {
            name: [(p.step, p.timestamp, p.value) for p in client.get_metric_history(run_id, name)]
            for run_id in [run.info.run_id]
            for name in run.data.metrics
        }
        about = (run.info.run_id, run.info.status, run.info.start_time, run.info.end_time)
        assert run.info.run_name not in told
        told[run.info.run_name] = (about, run.data.tags, run.data.params, histories)
    return told


def recall(place: Place, histories: list[History]) -> dict:
    ledger = Ledger(place, {"trials": 3}, {}, JOB, "the id")
    ledger.recall(histories)
    ledger.end_search({"epochs": 5}, {"convoy.status": "complete"}, "FINISHED", 1200.0)
    assert ledger.close() == []
    return everything(place)


def test_what_is_recalled_again_and_again_is_there_once(tmp_path):
    place = place_in(tmp_path)
    told = [history("a", 0, [0.2, 0.4]), history("b", 1, [0.1], "pruned")]
    first = recall(place, told)
    assert {len(run[3].get("val_accuracy", [])) for run in first.values()} == {0, 1, 2}
    assert recall(place, told) == first
    assert recall(place, told) == first


def test_what_a_dead_driver_left_half_written_is_completed(tmp_path):
    place, whole = place_in(tmp_path), history("a", 0, [0.2, 0.4, 0.6])
    ledger = Ledger(place, {"trials": 3}, {}, JOB, "the id")
    ledger.trial_started(whole.records[0])
    ledger.epoch_ended(whole.records[1])
    ledger.flush()  # and then it dies
    told = recall(place, [whole])
    (run,) = [run for name, run in told.items() if name != "s"]
    assert run[0][1] == "FINISHED"
    assert [step for step, _, _ in run[3]["val_accuracy"]] == [1, 2, 3]


def test_a_run_of_a_trial_that_had_not_begun_goes(tmp_path):
    place = place_in(tmp_path)
    recall(place, [history("a", 0, [0.2]), history("b", 1, [0.1])])
    assert set(recall(place, [history("a", 0, [0.2])])) == {"s", "s-000"}


def test_a_trial_that_goes_on_runs_again_in_its_own_run(tmp_path):
    place, interrupted = place_in(tmp_path), history("a", 0, [0.2], "interrupted")
    before = recall(place, [interrupted])["s-000"]
    assert before[0][1] == "KILLED"
    ledger = Ledger(place, {"trials": 3}, {}, JOB, "the id")
    ledger.recall([interrupted])
    ledger.trial_started(interrupted.records[-1])
    ledger.flush()
    now = everything(place)["s-000"]
    ledger.close()
    assert now[0][:2] == (before[0][0], "RUNNING")
    assert now[1]["convoy.status"] == "running"


def test_a_later_winner_is_the_only_one(tmp_path):
    place = place_in(tmp_path)
    told = [history("a", 0, [0.4]), history("b", 1, [0.2])]
    for each in told:  # as if the first had led when the search was interrupted
        ledger = Ledger(place, {}, {}, JOB, "the id")
        ledger.recall(told)
        ledger.crown(each.record)
        assert ledger.close() == []
    winners = {name for name, run in everything(place).items() if "convoy.winner" in run[1]}
    assert winners == {"s-001"}

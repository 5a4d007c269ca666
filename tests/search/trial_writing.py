"""A search's trials, written as its driver writes them, and what a store then holds of them."""

import dataclasses
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from search.records.about import About, Place
from search.records.mlflow_runs import MlflowRuns
from search.records.mlflow_writer import MlflowWriter
from search.trials.files import TrialFiles
from search.trials.record import Status, TrialRecord
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables.data import DataSpec

JOB = Job("gap5", DataSpec(), "embedded", None, None, 4, 7, 1)
VALUES = {"lr": 0.01, "optimizer": "sgd", "momentum": 0.9}


def new_record(trial: str, number: int, **values: Any) -> TrialRecord:
    """A trial that starts at 1000 s."""
    label = BASELINE if number == 0 else ""
    spec = TrialSpec(JOB, number, {**VALUES, **values}, label)
    return TrialRecord(spec, trial, started=1000.0, at=1000.0)


def report(files: TrialFiles, record: TrialRecord, accuracy: float) -> TrialRecord:
    """Another epoch of a trial, a second after its last event."""
    epoch = record.epochs + 1
    metrics = {"val_accuracy": accuracy, "train_loss": 1 / epoch}
    record = record.after(epoch, metrics, record.at + 1)
    files.reported(record, {"epoch": epoch, **metrics})
    return record


def end(files: TrialFiles, record: TrialRecord, status: Status, error: str = "") -> TrialRecord:
    """The end of a trial, a second after its last event."""
    record = dataclasses.replace(record, status=status, error=error, at=record.at + 1)
    files.changed(record)
    return record


def write_trial(
    search: Path,
    trial: str,
    number: int,
    accuracies: list[float],
    status: Status = Status.COMPLETED,
    error: str = "",
    **values: Any,
) -> TrialRecord:
    """The files of a whole trial in the folder of its search."""
    files, record = TrialFiles(search), new_record(trial, number, **values)
    files.started(record)
    for accuracy in accuracies:
        record = report(files, record, accuracy)
    return end(files, record, status, error)


def new_writer(place: Place, search: Path, **trial_params: Any) -> MlflowWriter:
    """A writer of the search ``the id``, as a process that starts has it."""
    about = About(place, {"trials": 3}, {"architecture": "gap5", **trial_params}, JOB, {})
    return MlflowWriter(MlflowRuns(about, "the id"), search)


def project(place: Place, search: Path, *records: TrialRecord) -> MlflowWriter:
    """Write trials from their files, as a new process does; the writer, closed without an error."""
    writer = new_writer(place, search)
    writer.open()
    writer.recall(records)
    assert writer.close() == []
    return writer


def content(place: Place) -> dict[str, Any]:
    """All that a place holds of a search, by the names of its runs."""
    client = MlflowClient(place.uri)
    experiment = client.get_experiment_by_name(place.experiment)
    runs = client.search_runs([experiment.experiment_id])
    names = [run.info.run_name for run in runs]
    assert len(names) == len(set(names)), names
    return {run.info.run_name: _content(client, run.info.run_id) for run in runs}


def _content(client: MlflowClient, run_id: str) -> dict[str, Any]:
    run = client.get_run(run_id)
    histories = {
        name: [(p.step, p.timestamp, p.value) for p in client.get_metric_history(run_id, name)]
        for name in run.data.metrics
    }
    info = {name: getattr(run.info, name) for name in ("run_id", "status", "start_time")}
    ended = {"end_time": run.info.end_time}
    data = {"tags": run.data.tags, "params": run.data.params, "metrics": run.data.metrics}
    return {**info, **ended, **data, "histories": histories}

"""A trial as MLflow recorded it, as a task that can be trained again."""

import json
import logging

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from search.task import Task
from search.tracking import sqlite_file
from trainables.errors import UsageError


def recorded_task(uri: str, run_id: str) -> tuple[Task, str]:
    """The task of a trial's run, and the name of its space.

    Raises:
        UsageError: there is no such run, or it is not a trial's.
    """
    if uri.startswith("sqlite:") and not sqlite_file(uri).is_file():
        raise UsageError(f"--run {run_id}: there are no records at {sqlite_file(uri)}")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        client = MlflowClient(uri)
        run = client.get_run(run_id)
        experiment = client.get_experiment(run.info.experiment_id).name
    except MlflowException as error:
        raise UsageError(f"--run {run_id}: {str(error)[:200]}") from error
    tags, params = run.data.tags, run.data.params
    try:
        config = {
            "job": json.loads(tags["convoy.job"]),
            "number": int(params["trial"]),
            "values": json.loads(tags["convoy.values"]),
            "label": tags["convoy.label"],
            "stream": json.loads(tags["convoy.stream"]),
        }
        space = experiment.removeprefix("convoy/").removesuffix("-embedded")
        return Task.from_config(config), space
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(
            f"--run {run_id} is not the run of a trial that can be trained again "
            f"({type(error).__name__}: {error})"
        ) from error

"""A trial as MLflow recorded it, as a task that can be trained again."""

import json

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from search.task import Task
from trainables.errors import UsageError


def recorded_task(uri: str, run_id: str) -> tuple[Task, str]:
    """The task of a trial's run, and the name of its space.

    Raises:
        UsageError: there is no such run, or it is not a trial's.
    """
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
        }
        space = experiment.removeprefix("convoy/").removesuffix("-embedded")
        return Task.from_config(config), space
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"--run {run_id} is not a trial's run: {error} is missing") from error

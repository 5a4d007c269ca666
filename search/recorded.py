"""A trial as MLflow recorded it, as a task that can be trained again."""

import logging
from typing import Any

from mlflow import MlflowClient
from pydantic import TypeAdapter, ValidationError

from search.naming import is_name
from search.task import Job, Task
from search.tracking import sqlite_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.boundary.validation import first_fault
from trainables.recipe import Value

MOST_CPUS = 4096


def recorded_task(uri: str, run_id: str, flag: str = "--run") -> tuple[Task, str]:
    """The task of a trial's run, and the name of its space.

    Args:
        uri: MLflow's tracking URI.
        run_id: of the run.
        flag: by which it was named, for errors.

    Raises:
        UsageError: there is no such run, or it is not a trial's.
    """
    if uri.startswith("sqlite:") and not sqlite_file(uri).is_file():
        raise UsageError(f"{flag} {run_id}: there are no records at {sqlite_file(uri)}")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        client = MlflowClient(uri)
        run = client.get_run(run_id)
        experiment = client.get_experiment(run.info.experiment_id).name
    except Exception as error:  # a store raises what its database or server raises
        raise UsageError(f"{flag} {run_id}: {masked(str(error))[:200]}") from error
    tags, params = run.data.tags, run.data.params
    space = experiment.removeprefix("convoy/").removesuffix("-embedded")
    try:
        if not is_name(space):  # it becomes the name of a folder of artifacts
            raise ValueError(f"{space!r} is not the name of a space")
        task = Task(
            recorded_job(tags["convoy.job"]),
            int(params["trial"]),
            parsed(dict[str, Value], tags["convoy.values"]),
            tags["convoy.label"],
            parsed(int | None, tags["convoy.stream"]),
        )
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{flag} {run_id} is not the run of a trial that can be trained again "
            f"({type(error).__name__}: {error})"
        ) from error
    return task, space


def recorded_job(text: str | bytes) -> Job:
    """A job from its JSON, which whoever writes to the store may have changed.

    Raises:
        ValueError: a value is missing, of the wrong type or out of bounds.
    """
    job: Job = parsed(Job, text)
    if not 1 <= job.cpus <= MOST_CPUS:
        raise ValueError(f"job.cpus must be between 1 and {MOST_CPUS}, not {job.cpus}")
    return job


def parsed(kind: Any, text: str | bytes) -> Any:
    """JSON as a ``kind`` of values, each of the very type that it says.

    Raises:
        ValueError: the first value that is not.
    """
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error

"""The winner's model in MLflow: on its run, and in the registry under its space's name."""

import hashlib
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from analysis.model import CARD, FOLDER, LOGGED, ONNX
from analysis.model.mlflow_model import save_mlflow_model
from analysis.record import Records
from search.records.permission import when_permitted
from search.records.registry import ALIAS, registered_name
from trainables.boundary.errors import UsageError
from trainables.data.dataset import Images


def publish(records: Records, run_id: str, folder: Path, example: Images) -> str:
    """Log the winner's model to its run, register it, and return a line on the result.

    Raises:
        UsageError: the store refuses the model itself.
    """
    if not (folder / ONNX).is_file():
        return f"not logged to MLflow as a model: it has no {ONNX}"
    _log(records, run_id, folder, example)
    try:
        with records.answering():
            return when_permitted(lambda: _register(records.client, run_id))
    except UsageError as error:
        return f"logged to MLflow as a model, but not registered: {error}"


def _log(records: Records, run_id: str, folder: Path, example: Images) -> None:
    """Log the folder as an MLflow model, unless the run has it already."""
    digest = hashlib.sha256((folder / CARD).read_bytes()).hexdigest()
    with records.answering():
        if records.client.get_run(run_id).data.tags.get(LOGGED) == digest:
            return
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / FOLDER
        save_mlflow_model(folder, example, target)
        records.log(run_id, target, FOLDER)
    records.annotate(run_id, tags={LOGGED: digest})


def _register(client: MlflowClient, run_id: str) -> str:
    """Register a version of the model for the run, and set the alias on the latest winner's."""
    experiment = client.get_experiment(client.get_run(run_id).info.experiment_id).name
    name = registered_name(experiment)
    _make(client, name, experiment)
    own = _version_of(client, name, run_id)
    if _is_latest(client, name, run_id):
        client.set_registered_model_alias(name, ALIAS, own.version)
        return f"registered: models:/{name}@{ALIAS} (version {own.version})"
    return f"registered: models:/{name}/{own.version} (@{ALIAS} stays with a later search's)"


def _make(client: MlflowClient, name: str, experiment: str) -> None:
    """Create the registered model unless it exists."""
    about = f"The winners of the searches of experiment {experiment}, one version each."
    try:
        client.create_registered_model(name, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _version_of(client: MlflowClient, name: str, run_id: str) -> ModelVersion:
    """The run's version of the model, created if it does not exist."""
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    if versions:
        return versions[0]
    # Named by the run, so that a moved store finds it.
    return client.create_model_version(name, f"runs:/{run_id}/{FOLDER}", run_id)


def _is_latest(client: MlflowClient, name: str, run_id: str) -> bool:
    """Whether the alias is not on a winner that began after this run."""
    try:
        holder = client.get_model_version_by_alias(name, ALIAS).run_id
        other = client.get_run(str(holder)).info.start_time
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return True
        raise
    return bool(other <= client.get_run(run_id).info.start_time)

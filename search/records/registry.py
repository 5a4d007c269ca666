"""The registered models of MLflow under which Convoy registers the winners of a space.

Each winner is a version of its experiment's model; the latest has the alias ``winner``.
"""

from collections.abc import Iterable

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

ALIAS = "winner"


def registered_name(experiment: str) -> str:
    """The model's name for an experiment, ``convoy-gap5``: MLflow allows no ``/`` in it."""
    return experiment.replace("/", "-")


def pass_alias_on(
    client: MlflowClient, version: ModelVersion, staying: Iterable[ModelVersion]
) -> None:
    """Move the alias of a version that will be deleted to the latest winner that stays."""
    if ALIAS not in version.aliases:
        return
    begun = {each.version: time for each in staying if (time := _begun(client, each)) is not None}
    if begun:
        latest = max(begun, key=lambda number: begun[number])
        client.set_registered_model_alias(version.name, ALIAS, latest)


def _begun(client: MlflowClient, version: ModelVersion) -> int | None:
    """The start of a version's run; None if it has no run."""
    try:
        start: int = client.get_run(str(version.run_id)).info.start_time
    except MlflowException:
        return None
    return start

"""Users of the tracking server: ``python deploy/users.py NAME [--search]``.

Creates the user, or changes the password of an existing one. With ``--search`` the user may log to
every experiment. The new password comes from CONVOY_USER_PASSWORD, the server and its admin from
MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD: shells keep
command lines in their histories.
"""

import argparse
import os
import sys

from mlflow import MlflowException
from mlflow.server.auth.client import AuthServiceClient

PASSWORD = "CONVOY_USER_PASSWORD"  # nosec B105 # the name of a variable
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python deploy/users.py", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--search", action="store_true", help="may log to every experiment")
    arguments = parser.parse_args(argv)
    missing = [name for name in (PASSWORD, *VARIABLES) if not os.environ.get(name)]
    if missing:
        print(f"error: set {', '.join(missing)}", file=sys.stderr)
        return 2
    try:
        client = AuthServiceClient(os.environ["MLFLOW_TRACKING_URI"])
        provide(client, arguments.name, os.environ[PASSWORD], arguments.search)
    except MlflowException as error:
        print(f"error: {' '.join(str(error).split())[:300]}", file=sys.stderr)
        return 2
    return 0


def provide(client: AuthServiceClient, name: str, password: str, searches: bool) -> None:
    """Create the user or change its password; with ``searches`` it manages all experiments.

    A resumed search must delete the runs of a trial that was lost with its machine. MLflow allows
    that only to a user who manages the experiment.

    Raises:
        MlflowException: the server refuses the user or the admin.
    """
    try:
        client.create_user(name, password)
        print(f"{name}: created")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        client.update_user_password(name, password)
        print(f"{name}: exists; its password is changed")
    everything = (name, "experiment", "*")
    if searches and client.get_user_permission(*everything).permission != "MANAGE":
        client.grant_user_permission(*everything, "MANAGE")


if __name__ == "__main__":
    sys.exit(main())

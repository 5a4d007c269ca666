"""The tracking service as an operator runs it: PostgreSQL, the server, and its users."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from conftest import ROOT
from postgres import Postgres, asked, free_port, postgres, secret

SCRIPT, SQL = ROOT / "deploy" / "tracking-server.sh", ROOT / "deploy" / "databases.sql"
BIN = Path(sys.executable).parent  # of the mlflow that the script finds


@dataclass(frozen=True)
class User:
    """Who logs in."""

    name: str
    password: str = field(repr=False)

    def environment(self, uri: str = "") -> dict[str, str]:
        """As MLflow's client reads it."""
        where = {"MLFLOW_TRACKING_URI": uri} if uri else {}
        return {
            **where,
            "MLFLOW_TRACKING_USERNAME": self.name,
            "MLFLOW_TRACKING_PASSWORD": self.password,
        }


@dataclass(frozen=True)
class Service:
    """A tracking service that runs.

    Attributes:
        uri: where it answers.
        folder: of its artifacts and its log.
        pid: of the server.
        admin: who made the other users.
        searcher: who may log to every experiment.
        reader: who may look.
    """

    uri: str
    folder: Path
    pid: int
    admin: User
    searcher: User
    reader: User

    def processes(self) -> list[psutil.Process]:
        """The server's."""
        server = psutil.Process(self.pid)
        return [server, *server.children(recursive=True)]


@contextmanager
def tracking_service(programs: Path, folder: Path) -> Iterator[Service]:
    """The service, with databases made by ``deploy/databases.sql`` and users by ``users.py``."""
    admin, database = User("admin", secret()), secret()
    with postgres(programs) as cluster:
        cluster.run(SQL, {"TRACKING_DATABASE_PASSWORD": database})
        given = server_environment(cluster, database, folder)
        given["MLFLOW_AUTH_ADMIN_PASSWORD"] = admin.password
        uri = f"http://127.0.0.1:{given['MLFLOW_PORT']}"
        with _server(given, folder / "server.log") as process:
            _wait_for_answer(uri, process, folder / "server.log")
            service = Service(
                uri, folder, process.pid, admin, User("convoy", secret()), User("reader", secret())
            )
            provide(service, service.searcher, "--search")
            provide(service, service.reader)
            yield service


def server_environment(cluster: Postgres, password: str, folder: Path) -> dict[str, str]:
    """What the script is given, but for the admin's password."""
    return {
        **cluster.environment(),
        "PGUSER": "mlflow",
        "PGPASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret(),
        "MLFLOW_PORT": str(free_port()),
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }


def provide(service: Service, user: User, *flags: str) -> None:
    """Make a user, or change his password, as an operator does."""
    environment = os.environ | service.admin.environment(service.uri)
    environment["CONVOY_USER_PASSWORD"] = user.password
    command = [sys.executable, str(ROOT / "deploy" / "users.py"), user.name, *flags]
    asked(command, environment)


@contextmanager
def _server(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The script under way; whatever it started is gone in the end."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["sh", str(SCRIPT)],
            cwd=log.parent,
            env=os.environ | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        started = psutil.Process(process.pid).children(recursive=True) if is_up(process) else []
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for each in started:
            if each.is_running():
                each.kill()


def is_up(process: subprocess.Popen[bytes]) -> bool:
    """True while it runs."""
    return process.poll() is None


def _wait_for_answer(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while is_up(process) and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the tracking server does not answer: {log.read_text()[-3000:]}")

"""The tracking image on a PostgreSQL: who is let in, and what its health check says."""

import base64
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from engine import ROOT, Container, needs_engine, podman, started, tried, until
from images import postgres_image, tracking_image

pytestmark = needs_engine
NETWORK = "convoy-test-tracking"
ADMIN, DATABASE = secrets.token_hex(16), secrets.token_hex(16)
SIGNAL = "import os, signal; os.kill(-1, signal.{})"  # all but the first process and this one
TRACKING = (
    "--init",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--tmpfs=/tmp",
    f"--network={NETWORK}",
    "--publish=127.0.0.1::5000",
    "--volume=/artifacts",
    "--env=PGHOST=convoy-test-database",
    "--env=PGUSER=mlflow",
    f"--env=PGPASSWORD={DATABASE}",
    f"--env=MLFLOW_AUTH_ADMIN_PASSWORD={ADMIN}",
    f"--env=MLFLOW_FLASK_SERVER_SECRET_KEY={secrets.token_hex(16)}",
)
POSTGRES = (
    f"--network={NETWORK}",
    f"--env=POSTGRES_PASSWORD={secrets.token_hex(16)}",
    f"--env=TRACKING_DATABASE_PASSWORD={DATABASE}",
    f"--volume={ROOT / 'deploy/databases.sql'}:/docker-entrypoint-initdb.d/databases.sql:ro",
)
READY = ("pg_isready", "--host=127.0.0.1", "--username=mlflow", "--dbname=mlflow_auth")


@pytest.fixture(scope="module")
def server() -> Iterator[Container]:
    """A tracking server that answers."""
    tried("podman", "network", "create", NETWORK)
    database = started("convoy-test-database", postgres_image(), options=POSTGRES)
    try:
        with database as running:
            ready = ("podman", "exec", running.name, *READY)
            until(lambda: tried(*ready).returncode == 0, 120, "the database")
            with started("convoy-test-server", tracking_image(), options=TRACKING) as container:
                until(container.is_healthy, 300, "the health of the tracking server")
                yield container
    finally:
        podman("network", "rm", "--force", NETWORK)


def answer(server: Container, user: str = "", password: str = "") -> int:
    """The status with which it answers who asks for the experiments."""
    address = podman("port", server.name, "5000/tcp").splitlines()[0]
    request = urllib.request.Request(
        f"http://{address}/api/2.0/mlflow/experiments/search?max_results=1"
    )
    if user:
        word = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("", "", id="nobody"),
        pytest.param("admin", "wrong", id="wrong password"),
        pytest.param("admin", "password1234", id="MLflow's usual password"),
        pytest.param("admin", "", id="no password"),
        pytest.param("convoy", ADMIN, id="another user"),
    ],
)
def test_who_has_no_password_is_refused(server, user, password):
    assert answer(server, user, password) == 401


def test_who_has_the_password_is_let_in(server):
    assert answer(server, "admin", ADMIN) == 200


def test_a_server_whose_processes_are_stopped_is_unhealthy_until_they_go_on(server):
    server.run("python", "-c", SIGNAL.format("SIGSTOP"))
    assert not server.is_healthy()
    server.run("python", "-c", SIGNAL.format("SIGCONT"))
    until(server.is_healthy, 60, "its health")


def test_the_server_runs_as_the_user_of_the_image_without_capabilities(server):
    read = server.run("cat", "/proc/1/status")
    status = dict(re.findall(r"^(\w+):\t(.*)$", read, re.MULTILINE))
    assert status["Uid"].split() == ["1000"] * 4
    assert {status[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Bnd")} == {"0" * 16}


@pytest.mark.parametrize("missing", ["PGHOST", "PGPASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD"])
def test_a_server_that_lacks_a_setting_says_which_and_ends(missing):
    options = tuple(each for each in TRACKING if f"{missing}=" not in each and NETWORK not in each)
    with started("convoy-test-lacking", tracking_image(), options=options) as container:
        assert container.wait(30) == 2
        assert f"{missing}: is not set" in container.logs()


def test_the_server_ends_on_podman_stop(server):
    began = time.monotonic()
    assert server.stop() in (0, 143)
    assert time.monotonic() - began < 15

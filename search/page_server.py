"""MLflow's pages, served on loopback for as long as a context lasts."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked

HOST = "127.0.0.1"
PORT = 5000  # MLflow's own
TRIED = 100  # ports from there on, of which the first free one is taken
# No browser opens these (https://fetch.spec.whatwg.org/#port-blocking), nor many below 1024.
BLOCKED = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080}
BLOCKED |= set(range(6665, 6670))
START = 120.0  # seconds that it may take to answer
END = 5.0  # seconds that it may take to end
_ENVIRONMENT = {
    # Otherwise it starts eight more processes, of 235 MB each, for jobs that nobody asks for.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@contextmanager
def page_server(uri: str, port: int | None) -> Iterator[str]:
    """MLflow's pages of the store at ``uri``; their address.

    Args:
        uri: of a database. It is not in the list of processes, as it may hold a password.
        port: to listen on; None for 5000, or the next that is free.

    Raises:
        UsageError: the port is taken, or the server does not start.
    """
    port = _free_port() if port is None else _checked(port)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", HOST, "--port", str(port)]
    environment = {**os.environ, **_ENVIRONMENT, "MLFLOW_BACKEND_STORE_URI": uri}
    with tempfile.TemporaryFile() as log:
        # In a session of its own, so that Ctrl-C reaches this process alone, which then ends it.
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            address = f"http://{HOST}:{port}"
            _wait(server, address, log)
            yield address
        finally:
            _end(server)


def is_free(port: int) -> bool:
    """True if nothing listens on this port of loopback."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
        return True


def _checked(port: int) -> int:
    if not 0 < port < 65536:
        raise UsageError(f"--port must be between 1 and 65535, not {port}")
    if port in BLOCKED:
        raise UsageError(f"--port {port}: browsers do not open it; choose another, or leave it out")
    if not is_free(port):
        raise UsageError(f"--port {port} is taken; choose another, or leave it out for a free one")
    return port


def _free_port() -> int:
    for port in range(PORT, PORT + TRIED):
        if port not in BLOCKED and is_free(port):
            return port
    raise UsageError(f"--port: {PORT} to {PORT + TRIED - 1} are all taken; give another")


def _wait(server: "subprocess.Popen[bytes]", address: str, log: IO[bytes]) -> None:
    """Wait until the server answers."""
    until = time.monotonic() + START
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):  # nosec B310 # loopback
            return
        time.sleep(0.2)
    log.seek(0)
    last = log.read().decode(errors="replace").strip().rpartition("\n")[2]
    raise UsageError(f"MLflow's server does not start: {masked(last)[:300] or 'it is silent'}")


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End the server with all of its processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        until = time.monotonic() + END
        while time.monotonic() < until and _has_processes(server):
            time.sleep(0.05)
        if not _has_processes(server):
            return


def _has_processes(server: "subprocess.Popen[bytes]") -> bool:
    server.poll()
    try:
        os.killpg(server.pid, 0)
    except ProcessLookupError:
        return False
    return True

"""A tracking server that can be stopped and started again."""

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from searches import Run, wait_for


class TrackingServer:
    """An MLflow server on loopback, with its records and artifacts in a folder.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder, self._port, self._starts = folder, _free_port(), 0
        self._run: Run | None = None

    @property
    def uri(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it; return once it answers."""
        store = ["--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"]
        artifacts = [
            "--artifacts-destination",
            str(self._folder / "artifacts"),
            "--serve-artifacts",
        ]
        where = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        log = self._folder / f"server{self._starts}.log"
        self._starts += 1
        # Otherwise it starts eight more processes, for jobs that nobody asks for.
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        arguments = ["-m", "mlflow", "server", *store, *artifacts, *where]
        self._run = Run(arguments, log, quiet)
        wait_for(self._answers, "the tracking server's answer", 120)

    def stop(self) -> None:
        """End it as ``kill -9`` does."""
        if self._run is not None:
            self._run.end()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return True
        except OSError:
            return False


@contextmanager
def serving(folder: Path) -> Iterator[TrackingServer]:
    """A server that runs, and is stopped in the end."""
    server = TrackingServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])

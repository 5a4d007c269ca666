"""A Ray on this machine alone, without the processes that a search does not use."""

import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import node, services, utils
from ray._private.authentication import authentication_token_setup

from search.driver.resources import Machine
from trainables.boundary.errors import UsageError

PRELOADED = "search.workers.preload"
PATIENCE = 30.0  # seconds after which Ray itself reports that its node does not start


class AbandonedError(Exception):
    """Ray was told to end before it had started."""


def start(folder: str | None, workers: Callable[[Machine], int], over: threading.Event) -> None:
    """Start Ray, and at once as many workers as ``workers`` says.

    Args:
        folder: folder for Ray's files; None for its usual one.
        workers: number of workers for the CPUs and GPUs that Ray detects; with 0, no early imports.
        over: set when Ray must end.

    Raises:
        AbandonedError: ``over`` was set before Ray had started.
        UsageError: the machine is too busy for Ray to start.
    """
    with (
        _replaced(node, Node=partial(LocalNode, workers, over)),
        _replaced(authentication_token_setup, generate_and_save_token=_make_token),
    ):
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
            )
        except Exception as error:  # Ray has no class of its own for it
            if "timed out during startup" not in str(error):
                raise
            raise UsageError(
                "Ray did not start within 30 seconds: this machine is too busy; run the same "
                "command again when fewer programs run"
            ) from error


def _make_token(
    save: Callable[[], None] = authentication_token_setup.generate_and_save_token,
) -> None:
    """Make the token of Ray's processes, in the home folder if it can be written to."""
    try:
        save()
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


class LocalNode(node.Node):  # type: ignore[misc]
    """Ray's head without autoscaler, dashboard and log monitor, which nothing uses here.

    Its workers import what a trial needs before they get one.
    """

    def __init__(
        self,
        workers: Callable[[Machine], int],
        over: threading.Event,
        ray_params: Any,
        **options: Any,
    ) -> None:
        self._workers, self._over = workers, over
        ray_params.no_monitor, ray_params.include_log_monitor = True, False
        # Otherwise the agent tries for three seconds to take its usual port from another Ray.
        ray_params.dashboard_agent_listen_port = 0
        try:
            super().__init__(ray_params, **options)
        except AbandonedError:
            self.kill_all_processes()
            raise

    def start_api_server(self, **_: Any) -> None:
        """Start no dashboard."""
        self._webui_url = ""

    def start_raylet(self, *args: Any, **options: Any) -> None:
        """Start the raylet with its minimal agent, as if Ray's optional packages were missing."""
        detected = self.get_resource_and_label_spec()
        workers = self._workers(Machine(int(detected.num_cpus), int(detected.num_gpus or 0)))
        if workers:
            self._ray_params.env_vars = {
                "RAY_preload_python_modules": PRELOADED,
                "PYTHONPATH": _path(),
                # Ray ends idle workers after a second once later trials have reserved their CPUs.
                "RAY_idle_worker_killing_time_threshold_ms": "60000",
            }
        flag = f"--num_prestart_python_workers={min(workers, int(detected.num_cpus))}"
        start_process = services.start_ray_process
        with (
            _replaced(
                services,
                start_ray_process=lambda line, *a, **o: start_process([*line, flag], *a, **o),
            ),
            _replaced(utils, get_dashboard_dependency_error=lambda: ImportError("left out")),
        ):
            super().start_raylet(*args, **options)

    def start_ray_processes(self) -> None:
        """Start the processes and wait for the node to register: Ray itself polls once a second."""
        super().start_ray_processes()
        patience = time.monotonic() + PATIENCE
        while not self.get_gcs_client().get_all_node_info() and time.monotonic() < patience:
            if self._over.wait(0.02):
                raise AbandonedError

    def kill_all_processes(self, *_: Any, **__: Any) -> None:
        """Kill the processes and all that they started, without waiting for their work."""
        own = [info.process for each in self.all_processes.values() for info in each]
        # The id of a process that has ended may belong to another by now.
        ended = [each for one in own if one.poll() is None for each in _family(one.pid)]
        for each in ended:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        super().kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        _await_end(ended)
        for socket in (self.raylet_socket_name, self.plasma_store_socket_name):
            Path(socket).unlink(missing_ok=True)


def _family(pid: int) -> list[psutil.Process]:
    """A process and its descendants; it comes first, so that it cannot start new ones."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _await_end(processes: list[psutil.Process], seconds: float = 1.0) -> None:
    """Wait until none of the processes runs; another process may have to reap them."""
    deadline = time.monotonic() + seconds
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _path() -> str:
    """This process's import path, which Ray gives its workers only together with a trial."""
    places = (Path(each).absolute() for each in sys.path)
    return os.pathsep.join(str(place) for place in places if place.exists())


@contextmanager
def _replaced(owner: Any, **others: Any) -> Iterator[None]:
    """Replace attributes of ``owner`` while the context lasts."""
    usual = {name: getattr(owner, name) for name in others if hasattr(owner, name)}
    vars(owner).update(others)
    try:
        yield
    finally:
        vars(owner).update(usual)

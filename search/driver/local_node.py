"""A Ray of this machine alone: no process that a search has no use for, and ended at once."""

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

PRELOADED = "search.workers.preload"
PATIENCE = 30.0  # seconds until Ray itself says that its node does not start


class AbandonedError(Exception):
    """Ray was to end before it had started."""


def start(folder: str | None, workers: Callable[[Machine], int], over: threading.Event) -> None:
    """Start Ray, with as many workers at once as a machine is said to want.

    Args:
        folder: for its files; None for Ray's usual one.
        workers: given the CPUs and GPUs that Ray finds; for none they import nothing either.
        over: set when Ray is to end.

    Raises:
        AbandonedError: that was before it had started.
    """
    with (
        _replaced(node, Node=partial(LocalNode, workers, over)),
        _replaced(authentication_token_setup, generate_and_save_token=_make_token),
    ):
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )


def _make_token(
    save: Callable[[], None] = authentication_token_setup.generate_and_save_token,
) -> None:
    """Make the token of Ray's processes, in the home if that can be written."""
    try:
        save()
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


class LocalNode(node.Node):  # type: ignore[misc]
    """Ray's head without autoscaler, dashboard and log monitor, which nobody asks here.

    Its workers import what a trial needs before they are given one.
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
        # The agent would try for three seconds to take its usual port from another Ray.
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
        """Start the raylet with its smallest agent, as without Ray's optional packages."""
        detected = self.get_resource_and_label_spec()
        workers = self._workers(Machine(int(detected.num_cpus), int(detected.num_gpus or 0)))
        if workers:
            self._ray_params.env_vars = {
                "RAY_preload_python_modules": PRELOADED,
                "PYTHONPATH": _path(),
                # Ray ends idle workers after a second once the trials to come have their CPUs.
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
        """Start them, and wait until the node is known: Ray itself looks once a second."""
        super().start_ray_processes()
        patience = time.monotonic() + PATIENCE
        while not self.get_gcs_client().get_all_node_info() and time.monotonic() < patience:
            if self._over.wait(0.02):
                raise AbandonedError

    def kill_all_processes(self, *_: Any, **__: Any) -> None:
        """End them and all that they started, without waiting for what they are at."""
        own = [info.process for each in self.all_processes.values() for info in each]
        # The id of one that has ended may be another's by now.
        ended = [each for one in own if one.poll() is None for each in _family(one.pid)]
        for each in ended:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        super().kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        _await_end(ended)
        for socket in (self.raylet_socket_name, self.plasma_store_socket_name):
            Path(socket).unlink(missing_ok=True)


def _family(pid: int) -> list[psutil.Process]:
    """A process and its descendants; the process is the first, so that it starts none again."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _await_end(processes: list[psutil.Process], seconds: float = 1.0) -> None:
    """Wait until none runs any more: another process may have to reap them."""
    deadline = time.monotonic() + seconds
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _path() -> str:
    """Where this process imports from: Ray tells its workers no earlier than with a trial."""
    places = (Path(each).absolute() for each in sys.path)
    return os.pathsep.join(str(place) for place in places if place.exists())


@contextmanager
def _replaced(owner: Any, **others: Any) -> Iterator[None]:
    """``owner`` with other attributes."""
    usual = {name: getattr(owner, name) for name in others if hasattr(owner, name)}
    vars(owner).update(others)
    try:
        yield
    finally:
        vars(owner).update(usual)

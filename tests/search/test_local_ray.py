"""A Ray that is started here: what it starts, and that nothing of it stays."""

import json
import os
import subprocess
import sys
import threading
from types import ModuleType, SimpleNamespace

import pytest
from conftest import ROOT

from search.driver import local_node, local_ray
from search.driver.local_ray import workers
from search.driver.resources import Machine
from search.request.options import SearchOptions
from trainables.boundary.errors import UsageError

PROGRAM = """
import json, os, signal, sys, time
from search import environment
from search.request.options import SearchOptions
environment.prepare(loopback=True)
import psutil
from search.driver.local_ray import local_ray

def family():
    return psutil.Process().children(recursive=True)

def runs(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE

def look():
    import ray
    from ray._private.worker import _global_node as node
    @ray.remote(num_cpus=1)
    class Actor:
        def has(self):
            return "search.workers.train" in sys.modules
    sockets = [node.raylet_socket_name, node.plasma_store_socket_name]
    started = family()
    commands = " ".join(" ".join(each.cmdline()) for each in started)
    return started, sockets, ray.get(Actor.remote().has.remote()), commands

rays, UNWANTED = [], ("monitor.py", "dashboard.py", "log_monitor")
for moment in ("usual", "at once", "error", "signal", "reading", "usual"):
    started, sockets, preloaded, commands, begin, ended = [], [], None, "", None, ""
    try:
        with local_ray(SearchOptions(concurrency=1)) as await_ray:
            if moment == "reading":
                from ray import is_initialized
                while not (is_initialized() and len(family()) >= 4):
                    time.sleep(0.05)
                started = family()
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            if moment != "at once":
                await_ray()
                started, sockets, preloaded, commands = look()
            if moment == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            begin = time.monotonic()
            if moment != "usual":
                raise ValueError
    except (ValueError, KeyboardInterrupt) as error:
        ended = type(error).__name__
    rays.append({
        "moment": moment,
        "ended": ended,
        "started": len(started),
        "left": [each.name() for each in [*started, *family()] if runs(each)],
        "sockets": [path for path in sockets if os.path.exists(path)],
        "preloaded": preloaded,
        "unwanted": [name for name in UNWANTED if name in commands],
    })
print(json.dumps(rays))
"""


@pytest.fixture(scope="module")
def rays() -> dict[str, list[dict]]:
    """What six Rays of one process started, and left, by how they ended."""
    line = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert done.stderr == ""
    return {each["moment"]: [s for s in seen if s["moment"] == each["moment"]] for each in seen}


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["usual", "at once", "error", "signal", "reading"])
def test_no_process_and_no_socket_stays(rays, moment):
    for each in rays[moment]:
        assert (each["left"], each["sockets"]) == ([], [])
        assert each["started"] >= 4 or moment == "at once"  # two servers, an agent, a worker


@pytest.mark.slow
def test_a_process_can_start_another_after_it(rays):
    assert [each["preloaded"] for each in rays["usual"]] == [True, True]


@pytest.mark.slow
def test_a_trial_is_given_a_worker_that_has_imported_what_it_needs(rays):
    assert rays["error"][0]["preloaded"]


@pytest.mark.slow
def test_what_a_search_has_no_use_for_is_not_started(rays):
    assert rays["usual"][0]["unwanted"] == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["signal", "reading"])
def test_sigterm_interrupts_once_ray_has_started(rays, moment):
    assert rays[moment][0]["ended"] == "Interrupted"


@pytest.mark.slow
def test_it_starts_where_the_home_cannot_be_written():
    program = PROGRAM.partition("for moment")[0] + (
        "with local_ray(SearchOptions(concurrency=1)) as await_ray:\n"
        "    await_ray()\n"
        "    print(look()[2])\n"
    )
    environment = {key: value for key, value in os.environ.items() if "RAY_AUTH" not in key}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment | {"HOME": "/proc/nowhere"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_process_that_has_the_id_of_one_that_ended_is_left_alone(monkeypatch):
    from search.driver import local_node

    monkeypatch.setattr(local_node.node.Node, "kill_all_processes", lambda *_, **__: None)
    ray = object.__new__(local_node.LocalNode)
    ray._raylet_socket_name = ray._plasma_store_socket_name = "/nowhere"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        ended = SimpleNamespace(pid=other.pid, poll=lambda: 0)
        ray.all_processes = {"raylet": [SimpleNamespace(process=ended)]}
        ray.kill_all_processes()
        other.communicate(b"\n")
    assert other.returncode == 0


BLOCKED = """
import _frozen_importlib
from search.driver.local_ray import local_ray
from search.request.options import SearchOptions
lock = _frozen_importlib._get_module_lock("search.driver.local_node")
lock.acquire()
try:
    with local_ray(SearchOptions()):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("left", flush=True)
"""


def test_an_interruption_does_not_wait_for_an_import_that_never_ends():
    line = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "left\n")


@pytest.mark.parametrize("imported", [None, ModuleType("ray")])
def test_an_import_of_ray_that_was_interrupted_is_not_begun_again(monkeypatch, imported):
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    if imported is not None:
        monkeypatch.setitem(sys.modules, "ray", imported)
    local_ray._end()
    assert sys.modules.get("ray") is imported


def test_a_machine_that_is_too_busy_for_ray_is_one_line(monkeypatch):
    def late(**_):
        raise Exception("The current node timed out during startup. This could happen because")

    monkeypatch.setattr("ray.init", late)
    with pytest.raises(UsageError, match="this machine is too busy; run the same command again"):
        local_node.start(None, lambda machine: 0, threading.Event())


@pytest.mark.parametrize(
    ("machine", "flags", "count"),
    [
        (Machine(16), {}, 16),
        (Machine(16), {"concurrency": 2}, 2),
        (Machine(16), {"cpus_per_trial": 4}, 4),
        (Machine(16, 1), {}, 1),
        (Machine(16, 1), {"gpus_per_trial": 0.25}, 4),
        (Machine(16, 1), {"pack": 8}, 0),
        (Machine(2), {"cpus_per_trial": 4}, 0),
    ],
)
def test_as_many_workers_import_as_trials_will_run_at_once(machine, flags, count):
    assert workers(SearchOptions(**flags), machine) == count

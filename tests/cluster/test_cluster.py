"""Searches on a real Ray cluster: several raylets on this machine, one of them lost or added."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from account import account, repeated_reports
from ray.cluster_utils import Cluster
from searches import Search, wait_for

from search import environment

pytestmark = pytest.mark.slow
# When Ray was imported: told to keep to loopback, it lets no node of another address join.
ON_LOOPBACK = os.environ.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == "0"
needs_a_node_of_its_own = pytest.mark.skipif(
    os.geteuid() != 0 or ON_LOOPBACK,
    reason="takes root, and RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER not to be 0",
)


@pytest.fixture
def cluster(monkeypatch) -> Iterator[Cluster]:
    """A cluster of two nodes of a CPU each."""
    environment.prepare(loopback=True)
    monkeypatch.setenv("RAY_worker_niceness", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def search_on(cluster: Cluster, out: Path, trials: int = 3, epochs: int = 12) -> Search:
    longer = ("--train-limit", "1200", "--set", "reweighting=none")  # the nodes change meanwhile
    return Search(out, "on-cluster", trials, epochs, ("--address", cluster.address, *longer))


def raylet_of(pid: int) -> int:
    """The process of the node that a worker belongs to."""
    return next(each.pid for each in psutil.Process(pid).parents() if each.name() == "raylet")


def training(search: Search) -> set[int]:
    """The nodes on which trials are under way."""
    found = set()
    for number, status in search.statuses().items():
        lines = search.recorded(number)
        if status == "running" and lines and psutil.pid_exists(lines[-1]["pid"]):
            found.add(raylet_of(lines[-1]["pid"]))
    return found


def test_trials_run_on_every_node_and_a_node_that_is_lost_costs_none(cluster, tmp_path):
    search = search_on(cluster, tmp_path / "runs")
    with search.begun() as run:
        wait_for(lambda: run.ended or len(training(search)) == 2, "trials on both nodes")
        assert not run.ended, run.printed
        cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)
        assert run.wait() == 0, run.printed
    assert account(search).clean
    again = [
        each
        for number in range(search.trials)
        for each in repeated_reports(search.recorded(number))
    ]
    assert max(again, default=0) <= 1


@pytest.mark.long
@pytest.mark.parametrize(("trials", "epochs"), [(4, 12), (40, 2)])
def test_a_node_that_is_added_is_used_however_short_the_trials(cluster, tmp_path, trials, epochs):
    cluster.remove_node(cluster.list_all_nodes()[-1])
    search = search_on(cluster, tmp_path / "runs", trials, epochs)
    with search.begun() as run:
        wait_for(lambda: run.ended or len(training(search)) == 1, "a trial")
        cluster.add_node(num_cpus=1)
        wait_for(lambda: run.ended or len(training(search)) == 2, "trials on both nodes")
        assert not run.ended, run.printed
        assert run.wait() == 0, run.printed
    assert account(search).clean


@pytest.mark.long
def test_a_search_that_is_told_to_stop_closes_its_records_and_goes_on_later(cluster, tmp_path):
    search = search_on(cluster, tmp_path / "runs", epochs=8)
    with search.begun() as run:
        wait_for(lambda: run.ended or len(search.recorded(0)) >= 2, "two epochs")
        run.terminate()
        assert run.wait() == 143, run.printed
    with search.resumed() as run:
        assert run.wait() == 0, run.printed
    assert account(search).clean


@pytest.mark.long
def test_several_spaces_run_side_by_side(cluster, tmp_path):
    out = tmp_path / "runs"
    both = Search(out, "both", 2, 4, ("--space", "nin", "--address", cluster.address))
    parts = [Search(out, f"both-{space}", 2, 4) for space in ("gap5", "nin")]
    with both.begun() as run:
        wait_for(lambda: run.ended or all(training(each) for each in parts), "both at once")
        assert not run.ended, run.printed
        assert run.wait() == 0, run.printed
    assert all(account(each).clean for each in parts)
    assert [line.split(",")[0] for line in (out / "both" / "leaderboard.csv").open()] == [
        "space",
        "gap5",
        "nin",
    ]


def alive(cluster: Cluster) -> int:
    """Nodes that the cluster knows as alive."""
    return sum(node["Alive"] for node in cluster.global_state.node_table())


@contextmanager
def node_that_does_not_see(folder: Path, cluster: Cluster) -> Iterator[None]:
    """A node with a file system of its own at ``folder``."""
    ray = Path(sys.executable).with_name("ray")
    script = 'mount -t tmpfs tmpfs "$1" && exec "$2" start --address="$3" --num-cpus=1 --block '
    script += "--node-ip-address=127.0.0.1"
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), str(ray)]
    with subprocess.Popen(
        [*command, cluster.address],
        # Ray's command does not join a cluster that listens on loopback alone.
        env={**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as node:
        try:
            wait_for(lambda: alive(cluster) == 3, "the third node")
            yield
        finally:
            os.killpg(node.pid, signal.SIGTERM)
            node.wait()


@needs_a_node_of_its_own
def test_a_node_that_does_not_see_the_folder_of_searches_is_named(cluster, tmp_path):
    out = tmp_path / "runs"
    out.mkdir()
    search = search_on(cluster, out)
    with node_that_does_not_see(out, cluster), search.begun() as run:
        assert run.wait() == 2
        error = run.printed.splitlines()[-1]
        assert error.startswith(f"error: --out {out}: node ")
        assert "does not see it; name a folder on storage that all nodes share" in error
    assert list(out.iterdir()) == []


@pytest.mark.long
@needs_a_node_of_its_own
def test_a_node_that_joins_without_the_folder_stops_the_search_and_fails_no_trial(
    cluster, tmp_path
):
    out = tmp_path / "runs"
    search = search_on(cluster, out, trials=12)
    with search.begun() as run:
        wait_for(lambda: run.ended or training(search), "a trial")
        with node_that_does_not_see(out, cluster):
            assert run.wait() == 2
        assert f"does not see {search.folder}; share it with that node" in run.printed
        assert "resume     python -m search.run --resume" in run.printed
    assert set(search.statuses().values()) <= {"completed", "pruned", "interrupted"}
    with search.resumed() as run:
        assert run.wait() == 0, run.printed
    assert account(search).clean

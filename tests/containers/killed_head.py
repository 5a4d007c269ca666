"""The driver of a search on a cluster is killed, alone or with the head."""

from account import Account, checked
from engine import podman
from fault import Bench, Fault, Outcome, completed
from lost_nodes import BEFORE
from nodes import cluster
from searches import Search, wait_for


def driver_killed(bench: Bench) -> Outcome:
    """Kill the driver's process, and resume on the same cluster at once."""
    with cluster(bench) as nodes:
        search = nodes.search("driver")
        with search.begun() as run:
            wait_for(lambda: run.ended or search.over() >= BEFORE, "trials")
            run.kill()
        return Outcome(1, _cut_off(search) + completed(search))


def head_killed(bench: Bench) -> Outcome:
    """Kill the head with the driver on it, start it again, and resume."""
    with cluster(bench) as nodes:
        search = nodes.search("head")
        with search.begun() as run:
            wait_for(lambda: run.ended or search.over() >= BEFORE, "trials")
            podman("kill", nodes.head.name)
            run.wait()
        podman("start", nodes.head.name)
        seconds = nodes.await_all()
        return Outcome(1, _cut_off(search) + completed(search), f"nodes back after {seconds:.0f} s")


def cluster_killed(bench: Bench) -> Outcome:
    """Kill all nodes, make others, and resume on them."""
    with cluster(bench) as nodes:
        search = nodes.search("cluster")
        with search.begun() as run:
            wait_for(lambda: run.ended or search.over() >= BEFORE, "trials")
            podman(
                "rm", "--force", "--time=0", nodes.head.name, *(each.name for each in nodes.workers)
            )
            run.wait()
        nodes.make(2)
        return Outcome(1, _cut_off(search) + completed(search))


def _cut_off(search: Search) -> Account:
    """Whether a search that was killed has trials to go on with."""
    return checked(search.over() < search.trials, f"{search.name} had ended before")


FAULTS = (
    Fault("driver-killed", "kill -9 of the driver, then --resume", driver_killed),
    Fault("head-killed", "the head killed and started again, then --resume", head_killed),
    Fault("cluster-killed", "all nodes killed, then --resume on others", cluster_killed),
)

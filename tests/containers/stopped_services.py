"""What a search on a cluster needs beside its nodes is away for a while: its volume, its server."""

import time

from account import account, checked, damaged_json
from engine import podman
from fault import Bench, Fault, Outcome, completed, ended
from lost_nodes import BEFORE
from nodes import Nodes, cluster
from searches import wait_for

AWAY = 60.0  # seconds without a tracking server


def read_only(bench: Bench) -> Outcome:
    """Make the shared volume read-only on all nodes, then writable again, and resume."""
    with cluster("read-only", bench.folder) as nodes:
        search = nodes.search("read-only")
        with search.begun() as run:
            wait_for(lambda: run.ended or search.over() >= BEFORE, "trials")
            start = time.monotonic()
            _everywhere(nodes, 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"')
            found = ended(run, 2)
            seconds = time.monotonic() - start
            printed = run.printed
        found += checked("read-only" in printed.lower(), f"it does not say why: {printed[-400:]!r}")
        found += checked("--resume read-only" in printed, "it does not say how to go on")
        found += checked("Traceback" not in printed, f"it printed {printed[-400:]!r}")
        failed = sum(each == "failed" for each in search.statuses().values())
        found += checked(not failed, f"{failed} trials failed")
        damaged = damaged_json(search.out)
        found += checked(not damaged, f"these cannot be read: {damaged}")
        _everywhere(nodes, 'umount --lazy "$0"')
        found += completed(search)
        return Outcome(1, found, f"stopped itself after {seconds:.0f} s")


def server_restarted(bench: Bench) -> Outcome:
    """Restart the tracking server."""
    return _without_server(bench, "restarted", 0.0)


def server_stopped(bench: Bench) -> Outcome:
    """Stop the tracking server for a while."""
    return _without_server(bench, "stopped", AWAY)


def _without_server(bench: Bench, name: str, seconds: float) -> Outcome:
    with cluster(name, bench.folder) as nodes:
        search = nodes.search(name, 60, 9)
        with search.begun() as run:
            wait_for(lambda: run.ended or search.over() >= BEFORE, "trials")
            podman("stop", "--time=10", nodes.tracking.name)
            time.sleep(seconds)
            under_way = not run.ended
            podman("start", nodes.tracking.name)
            found = ended(run, 0)
        found += checked(under_way, "the search ended before the server was there again")
        nodes.await_all()
        return Outcome(1, found + account(search), f"ended after {run.ended_after:.0f} s")


def _everywhere(nodes: Nodes, script: str) -> None:
    """Run a script with the volume's path in the mounts of every node."""
    for node in (nodes.head, *nodes.workers):
        node.inside(("--mount", "--pid"), "sh", "-c", script, str(nodes.volume))


FAULTS = (
    Fault("read-only", "the shared volume read-only for a while, then --resume", read_only),
    Fault("server-restarted", "the tracking server restarted", server_restarted),
    Fault("server-stopped", f"the tracking server stopped for {AWAY:.0f} s", server_stopped),
)

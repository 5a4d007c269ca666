"""What a search on a cluster needs beside its nodes is away for a while: its volume, its server."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from account import Account, account, checked, damaged_json
from engine import podman
from fault import Bench, Fault, Outcome, completed, ended
from lost_nodes import BEFORE
from nodes import Node, Nodes, cluster
from searches import Run, Search, wait_for

AWAY = 60.0  # seconds without a tracking server


@dataclass(frozen=True)
class Damage:
    """What becomes of the volume.

    Attributes:
        script: does it, run where the volume's path is ``$0``.
        everywhere: on all nodes, or on one worker alone.
        said: what the search must say of it.
    """

    script: str
    everywhere: bool
    said: str


READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
DAMAGES = (
    Damage(READ_ONLY, True, "make it writable first"),
    Damage(READ_ONLY, False, "make it writable first on worker2"),
    Damage('mount -t tmpfs tmpfs "$0"', False, "share it with that node"),
)


def volume_away(bench: Bench) -> Outcome:
    """Take the shared volume away in three ways, give it back each time, and resume."""
    with cluster(bench) as nodes:
        search, found, longest = nodes.search("volume"), Account(), 0.0
        for count, damage in enumerate(DAMAGES, 1):
            with search.continued() as run:
                wait_for(partial(_has_come_to, search, run, count * BEFORE), "trials")
                seconds, amiss = _damaged(nodes, search, run, damage)
            found, longest = found + amiss, max(longest, seconds)
        note = f"stopped itself within {longest:.0f} s"
        return Outcome(len(DAMAGES), found + completed(search), note)


def _has_come_to(search: Search, run: Run, trials: int) -> bool:
    return run.ended or search.over() >= trials


def _damaged(nodes: Nodes, search: Search, run: Run, damage: Damage) -> tuple[float, Account]:
    """Do a damage, let the search stop itself, and undo it; the seconds, and what is amiss."""
    start = time.monotonic()
    broken = (nodes.head, *nodes.workers) if damage.everywhere else nodes.workers[-1:]
    _in_mounts(nodes, broken, damage.script)
    found = ended(run, 2)
    seconds = time.monotonic() - start
    _in_mounts(nodes, broken, 'umount --lazy "$0"')
    return seconds, found + _told(search, run.printed, damage.said)


def _told(search: Search, printed: str, said: str) -> Account:
    """Whether a stopped search says why and how to go on, and blames no trial for it."""
    failed = sum(each == "failed" for each in search.statuses().values())
    damaged = damaged_json(search.out)
    return (
        checked(said in printed, f"it does not say {said!r}: {printed[-900:]!r}")
        + checked(f"--resume {search.name}" in printed, "it does not say how to go on")
        + checked("Traceback" not in printed, f"it printed {printed[-400:]!r}")
        + checked(not failed, f"{failed} trials failed")
        + checked(not damaged, f"these cannot be read: {damaged}")
    )


def server_restarted(bench: Bench) -> Outcome:
    """Restart the tracking server."""
    return _without_server(bench, "restarted", 0.0)


def server_stopped(bench: Bench) -> Outcome:
    """Stop the tracking server for a while."""
    return _without_server(bench, "stopped", AWAY)


def _without_server(bench: Bench, name: str, seconds: float) -> Outcome:
    with cluster(bench) as nodes:
        search = nodes.search(name, 60, 9 if seconds else 3)
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


def _in_mounts(nodes: Nodes, of: Iterable[Node], script: str) -> None:
    """Run a script with the volume's path in the mounts of some nodes."""
    for node in of:
        node.inside(("--mount", "--pid"), "sh", "-c", script, str(nodes.volume))


FAULTS = (
    Fault("volume-away", "the volume read-only everywhere, on a node; gone on a node", volume_away),
    Fault("server-restarted", "the tracking server restarted", server_restarted),
    Fault("server-stopped", f"the tracking server stopped for {AWAY:.0f} s", server_stopped),
)

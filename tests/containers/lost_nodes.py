"""Nodes of a cluster that are silent for a while, lost, added, or cut off from the head."""

import time
from collections.abc import Callable
from functools import partial

from account import account, checked
from engine import podman
from fault import Bench, Fault, Outcome, completed, ended
from nodes import ClusterSearch, Node, Nodes, checkpoints_account, cluster
from searches import Run, wait_for

BEFORE = 6  # trials that have ended as the fault begins
SHORT, LONGEST = 30.0, 150.0  # seconds of silence that Ray bears; until it has given a node up
RETURN = 120.0  # seconds until a node whose silence has ended is part of the cluster


def undisturbed(bench: Bench) -> Outcome:
    """Search while nothing happens."""
    with cluster(bench) as nodes:
        search = nodes.search("control")
        with search.begun() as run:
            found = ended(run, 0)
        return Outcome(1, found + account(search), f"{run.ended_after:.0f} s")


def paused(bench: Bench) -> Outcome:
    """Pause a node for less time than it takes to be given up."""
    return _silenced(bench, "paused", _pause, _unpause, SHORT)


def paused_for_long(bench: Bench) -> Outcome:
    """Pause a node until it is given up, then let it go on."""
    return _silenced(bench, "paused-long", _pause, _unpause, LONGEST)


def cut(bench: Bench) -> Outcome:
    """Let no packet pass between a node and the head for a while."""
    return _silenced(bench, "cut", _cut, _heal, SHORT)


def cut_for_long(bench: Bench) -> Outcome:
    """Let none pass until the node is given up, then let them pass again."""
    return _silenced(bench, "cut-long", _cut, _heal, LONGEST)


def killed(bench: Bench) -> Outcome:
    """Kill a node, and do not replace it."""
    with cluster(bench) as nodes:
        search, node = nodes.search("killed"), nodes.workers[-1]
        with search.begun() as run:
            _await_work(search, run, node)
            podman("kill", node.name)
            seconds = nodes.seconds_until(False, node, LONGEST)
            found = ended(run, 0)
        note = f"given up after {seconds:.0f} s; ended after {run.ended_after:.0f} s"
        return Outcome(1, found + account(search), note)


def added(bench: Bench) -> Outcome:
    """Add a node in the middle of a search."""
    with cluster(bench, workers=1) as nodes:
        search = nodes.search("added")
        with search.begun() as run:
            _await_work(search, run, nodes.workers[0])
            node = nodes.add()
            seconds = nodes.seconds_until(True, node, RETURN)
            found = ended(run, 0)
        new = len(search.begun_on(node.address))
        found += checked(new, "no trial ran on the node that was added")
        return Outcome(
            1, found + account(search), f"joined after {seconds:.0f} s; {new} trials there"
        )


def stopped_meanwhile(bench: Bench) -> Outcome:
    """Stop a search while a node is paused, and go on with it once the node is back."""
    with cluster(bench) as nodes:
        search, node = nodes.search("stopped"), nodes.workers[-1]
        with search.begun() as run:
            _await_work(search, run, node)
            podman("pause", node.name)
            start = time.monotonic()
            run.terminate()
            found = ended(run, 143)
            seconds = time.monotonic() - start
        podman("unpause", node.name)
        nodes.await_all()
        return Outcome(1, found + completed(search), f"stopped within {seconds:.0f} s")


def _silenced(
    bench: Bench,
    name: str,
    begin: Callable[[Nodes, Node], object],
    end: Callable[[Nodes, Node], object],
    seconds: float,
) -> Outcome:
    """Silence a node for some seconds, or until it is given up; what is amiss then."""
    with cluster(bench) as nodes:
        search, node = nodes.search(name, 60, 9), nodes.workers[-1]  # it outlasts the silence
        with search.begun() as run:
            _await_work(search, run, node)
            begin(nodes, node)
            given_up = nodes.seconds_until(False, node, seconds)
            bench.say(f"given up after {given_up}, {search.over()} trials over")
            before = search.begun_on(node.address)
            end(nodes, node)
            back = nodes.seconds_until(True, node, RETURN)
            bench.say(f"back after {back}, {search.over()} trials over")
            found = checked(back is not None, "the node did not come back")
            used = partial(_used_again, search, node, before)
            wait_for(lambda: run.ended or used(), "a trial on the node once it was back")
            found += checked(used(), "the node got no trial once it was back")
            found += ended(run, 0)
            later = "DEAD" in nodes.states(node)
        lost = given_up is not None
        found += checked(lost == (seconds == LONGEST), f"given up after {given_up}")
        note = "given up later" if later else "not given up"
        note = f"given up after {given_up:.0f} s, back after {back or 0:.0f} s" if lost else note
        return Outcome(1, found + account(search) + checkpoints_account(search), note)


def _await_work(search: ClusterSearch, run: Run, node: Node) -> None:
    """Wait until some trials have ended, and one that is under way has reported from a node."""

    def at_work() -> bool:
        return search.over() >= BEFORE and node.address in search.nodes_at_work()

    wait_for(lambda: run.ended or at_work(), f"trials on {node.name}")
    if run.ended:
        raise RuntimeError(f"the search ended too early: {run.printed[-500:]}")


def _used_again(search: ClusterSearch, node: Node, before: set[int]) -> bool:
    return bool(search.begun_on(node.address) - before)


def _pause(nodes: Nodes, node: Node) -> None:
    podman("pause", node.name)


def _unpause(nodes: Nodes, node: Node) -> None:
    podman("unpause", node.name)


def _cut(nodes: Nodes, node: Node) -> None:
    for chain, end in (("INPUT", "--source"), ("OUTPUT", "--destination")):
        rule = ("--append", chain, end, nodes.head.address, "--jump", "DROP")
        node.inside(("--net",), "iptables", *rule)


def _heal(nodes: Nodes, node: Node) -> None:
    node.inside(("--net",), "iptables", "--flush")


FAULTS = (
    Fault("control", "nothing", undisturbed),
    Fault("paused", f"a node paused for {SHORT:.0f} s", paused),
    Fault("paused-long", "a node paused until it is given up", paused_for_long),
    Fault("killed", "a node killed, and not replaced", killed),
    Fault("added", "a node added", added),
    Fault("stopped", "SIGTERM while a node is paused, then --resume", stopped_meanwhile),
    Fault("cut", f"a node cut off from the head for {SHORT:.0f} s", cut),
    Fault("cut-long", "a node cut off until it is given up", cut_for_long),
)

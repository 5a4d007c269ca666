"""The tracking server is stopped while a search records there."""

import shlex
import time
from dataclasses import replace

from account import Account, account, checked, stored
from fault import Bench, Fault, Outcome, ended
from searches import Search, wait_for
from tracking_server import TrackingServer, serving

AWAY = 3  # trials that end while there is no server
PROMPT = 30.0  # seconds between the end of the last trial and that of the search


def stopped_for_a_while(bench: Bench) -> Outcome:
    """Stop it, let trials end, and start it again: everything is recorded in the end."""
    with serving(bench.folder / "server") as server:
        search = replace(bench.search("awhile"), server=server.uri)
        return Outcome(1, bench.try_all([lambda: _for_a_while(bench, search, server)]))


def stopped_for_good(bench: Bench) -> Outcome:
    """Stop it and leave it so: the search completes, and its records can be made afterwards."""
    with serving(bench.folder / "server") as server:
        search = replace(bench.search("forgood", 6), server=server.uri)
        return Outcome(1, bench.try_all([lambda: _for_good(bench, search, server)]))


def _for_a_while(bench: Bench, search: Search, server: TrackingServer) -> Account:
    with search.begun() as run:
        wait_for(lambda: run.ended or search.over() >= 2, "two trials")
        server.stop()
        wait_for(lambda: run.ended or search.over() >= 2 + AWAY, "more trials without a server")
        found = checked(not run.ended, "the search ended as its server was stopped")
        bench.say(f"{search.name}: {search.over()} trials over as the server starts again")
        server.start()
        found += ended(run, 0)
    return found + account(search)


def _for_good(bench: Bench, search: Search, server: TrackingServer) -> Account:
    with search.begun() as run:
        wait_for(lambda: run.ended or search.over() >= 2, "two trials")
        server.stop()
        wait_for(lambda: run.ended or search.over() == search.trials, "all trials")
        start = time.monotonic()
        found = ended(run, 3)
        seconds = time.monotonic() - start
        bench.say(f"{search.name}: ended {seconds:.1f} s after its last trial")
        found += checked(seconds <= PROMPT, f"{seconds:.0f} s after its last trial it ended")
        command = ["python", "-m", "search.reconcile", search.name, "--out", str(search.out)]
        told = shlex.join(command) in run.printed
        found += checked(told, f"it does not say how to reconcile: {run.printed[-500:]!r}")
    server.start()
    found += _reconciled(search) + account(search)
    before = stored(search)
    found += _reconciled(search)
    changed = [
        f"{run}'s {part}"
        for run, content in stored(search).items()
        for part in content
        if before.get(run, {}).get(part) != content[part]
    ]
    return found + checked(not changed, f"a second reconcile changed {changed}")


def _reconciled(search: Search) -> Account:
    with search.reconciled() as run:
        return ended(run, 0)


FAULTS = (
    Fault("server-away", "the tracking server stopped for a while", stopped_for_a_while),
    Fault("server-gone", "the tracking server stopped for good", stopped_for_good),
)

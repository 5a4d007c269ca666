"""The process that trains a trial is killed."""

import os
import signal

from account import Account, account, checked
from fault import Bench, Fault, Outcome, ended
from searches import Search, wait_for


def killed_once(bench: Bench) -> Outcome:
    """Kill a trial's worker once: the trial goes on from its checkpoint."""
    return Outcome(1, bench.try_all([lambda: _once(bench)]))


def killed_thrice(bench: Bench) -> Outcome:
    """Kill it each time that it goes on: the trial fails alone, with its reason."""
    return Outcome(1, bench.try_all([lambda: _thrice(bench)]))


def _once(bench: Bench) -> Account:
    search = bench.search("once", 3, 12)
    with search.begun() as run:
        pid = _kill_worker(search, ())
        found = ended(run, 0)
    after = next(line for line in search.recorded(0) if line["pid"] != pid)
    bench.say(f"{search.name}: went on with epoch {after['epoch']}")
    # One report may be on its way when the worker dies: it is repeated.
    repeated = after["iterations_since_restore"]
    found += checked(repeated <= 2, f"{search.name}: {repeated - 1} reports were repeated")
    return found + account(search) + bench.same_course(search)


def _thrice(bench: Bench) -> Account:
    search = bench.search("thrice", 3, 90)  # of which a worker may report ten at once
    pids: tuple[int, ...] = ()
    with search.begun() as run:
        for _ in range(3):
            pids += (_kill_worker(search, pids),)
        found = ended(run, 3)
        reason = "WorkerDied: its worker died 3 times"
        found += checked(f"failed: {reason}" in run.printed, "the reason is not printed")
    bench.say(f"{search.name}: failed after {len(search.recorded(0))} epochs")
    return found + account(search, failed=[0])


def _kill_worker(search: Search, before: tuple[int, ...]) -> int:
    """Kill the worker of the first trial once it has reported; which it was."""

    def reported() -> int | None:
        lines = search.recorded(0)
        new = [line["pid"] for line in lines if line["pid"] not in before]
        return new[-1] if len(new) >= 2 else None

    wait_for(reported, "an epoch from the worker")
    pid = reported()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


FAULTS = (
    Fault("worker-killed", "kill -9 of a worker, once", killed_once),
    Fault("worker-killed-thrice", "kill -9 of a trial's every worker", killed_thrice),
)

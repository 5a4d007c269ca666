"""An exception ends a trial: it would come again, so the trial fails at once, and alone."""

from pathlib import Path

import yaml
from account import Account, account, checked
from fault import Bench, Fault, Outcome, ended, gone
from searches import ROOT, Search, wait_for

ERROR = "NonFiniteLossError"


def diverged(bench: Bench) -> Outcome:
    """Let the second of three trials diverge."""
    return Outcome(1, bench.try_all([lambda: _diverge(_search(bench, "diverged"))]))


def diverged_and_killed(bench: Bench) -> Outcome:
    """Kill the driver once the trial has failed: whoever goes on leaves it alone."""
    return Outcome(1, bench.try_all([lambda: _diverge_and_kill(_search(bench, "divergedkilled"))]))


def _diverge(search: Search) -> Account:
    with search.begun() as run:
        found = ended(run, 3)
        lines = run.printed.splitlines()
    found += checked(any(f"failed: {ERROR}" in line for line in lines), "no reason is printed")
    begun = [line.split()[1] for line in lines if line.startswith("trial ") and " started" in line]
    found += checked(len(begun) == len(set(begun)) == 3, f"these were begun: {begun}")
    found += account(search, failed=[1]) + _reason(search)
    with search.resumed() as run:
        found += ended(run, 0)
        found += checked("started" not in run.printed, "a whole search began a trial")
    return found + account(search, failed=[1])


def _diverge_and_kill(search: Search) -> Account:
    with search.begun() as run:
        wait_for(lambda: run.ended or search.statuses().get(1) == "failed", "the failure")
        run.kill()
        found = gone(run)
    before = _files(search)
    with search.resumed() as run:
        found += ended(run, 3)
        found += checked("trial 1 started" not in run.printed, "the failed trial was begun again")
    found += checked(_files(search) == before, "the failed trial's files changed")
    return found + account(search, failed=[1]) + _reason(search)


def _search(bench: Bench, name: str) -> Search:
    """A search of three trials whose second has a rate that makes the loss infinite."""
    space = yaml.safe_load((ROOT / "configs/spaces/gap5.yaml").read_text())
    space["search"]["lr"]["high"] = 100.0
    guess = space["guesses"][0]
    for key in ("warmup", "peak_factor"):
        del guess[key]
    guess |= {"optimizer": "sgd", "momentum": 0.98, "nesterov": True, "weight_decay": 0.005}
    guess |= {"lr": 100.0, "schedule": "constant"}
    file = bench.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(space))
    search = bench.search(name, 3, 4)
    return Search(search.out, name, 3, 4, search.flags, space=str(file))


def _reason(search: Search) -> Account:
    """The error that is kept must say what happened, and where."""
    folder = _failed(search)
    kept = (folder / "error.txt").read_text() if (folder / "error.txt").exists() else ""
    told = (folder / "status.json").read_text()
    return checked(ERROR in kept and "Traceback" in kept, "no traceback is kept") + checked(
        ERROR in told, f"its status says {told}"
    )


def _files(search: Search) -> dict[str, bytes]:
    folder = _failed(search)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _failed(search: Search) -> Path:
    folder = search.trial(1)
    assert folder is not None
    return folder


FAULTS = (
    Fault("trial-raises", "an exception in a trial", diverged),
    Fault("trial-raises-killed", "the same, and kill -9 of the driver", diverged_and_killed),
)

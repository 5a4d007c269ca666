"""Two searches in one folder, and one that is asked for while it runs."""

from functools import partial

from account import Account, account, checked
from fault import Bench, Fault, Outcome, ended
from searches import Run, Search, wait_for


def at_once(bench: Bench) -> Outcome:
    """Run two at once, and try each way to run one of them a second time."""
    return Outcome(1, bench.try_all([partial(_both, bench)]))


def _both(bench: Bench) -> Account:
    first, second = (Search(bench.folder / "both", name, 6) for name in ("first", "second"))
    with first.begun() as one, second.begun() as other:
        wait_for(lambda: one.ended or first.recorded(0), "the first epoch")
        with first.begun() as again:
            found = _refused(again)
        with first.resumed() as again:
            found += _refused(again)
        found += checked(not one.ended, "the first had ended by then")
        found += ended(one, 0) + ended(other, 0)
    return found + account(first) + account(second)


def _refused(run: Run) -> Account:
    found = ended(run, 2)
    lines = run.printed.strip().splitlines()
    one = len(lines) == 1 and lines[0].startswith("error: ")
    return found + checked(one, f"it should refuse in a line: {lines}")


FAULTS = (Fault("two-at-once", "two searches at once, one a second time", at_once),)

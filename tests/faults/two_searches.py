"""Two searches in one folder, and one that is asked for while it runs."""

from functools import partial

from account import Account, account, checked
from fault import Bench, Fault, Outcome, ended
from searches import Run, Search, wait_for


def at_once(bench: Bench) -> Outcome:
    """Run two at once, and try each way to run one of them a second time."""
    return Outcome(1, bench.try_all([partial(_both, bench)]))


def _both(bench: Bench) -> Account:
    # The first is long, so that whoever is refused has come to that before it ends.
    first, second = (
        Search(bench.folder / "both", *each) for each in (("first", 20), ("second", 4))
    )
    with first.begun() as one, second.begun() as other:
        wait_for(lambda: one.ended or first.recorded(0), "the first epoch")
        with first.begun() as again, first.resumed() as resumed:
            found = _refused(again) + _refused(resumed)
        found += checked(not one.ended, "the first had ended by then")
        found += ended(one, 0) + ended(other, 0)
    return found + account(first) + account(second)


def _refused(run: Run) -> Account:
    found = ended(run, 2)
    lines = run.printed.strip().splitlines()
    one = len(lines) == 1 and lines[0].startswith("error: ")
    return found + checked(one, f"it should refuse in a line: {lines}")


FAULTS = (Fault("two-at-once", "two searches at once, one a second time", at_once),)

"""``python tests/faults``: try every fault for real, and print what it left.

A few minutes alone on two cores tell more than many beside other work: the searches of a fault
run two at once.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import damaged_checkpoint
import failing_trial
import full_disk
import interrupted
import killed_driver
import killed_worker
import stopped_server
import two_searches
from account import Account
from fault import Bench, Fault, Outcome, Unbroken
from rich.console import Console
from rich.table import Table

FAMILIES = (
    killed_driver,
    interrupted,
    killed_worker,
    failing_trial,
    damaged_checkpoint,
    stopped_server,
    full_disk,
    two_searches,
)
FAULTS: tuple[Fault, ...] = tuple(fault for family in FAMILIES for fault in family.FAULTS)


def main() -> int:
    """Try what the command line asks for; 1 if anything is amiss."""
    arguments = _parser().parse_args()
    chosen = [each for each in FAULTS if each.name in arguments.only or not arguments.only]
    if arguments.short and not arguments.only:
        chosen = [each for each in chosen if each.short]
    if arguments.list:
        print("\n".join(f"{each.name:22} {each.about}" for each in FAULTS))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="convoy-faults-"))
    start, unbroken = time.monotonic(), Unbroken(folder)
    outcomes = {each: _tried(each, arguments, unbroken, console) for each in chosen}
    console.print(_table(outcomes))
    amiss = [line for each in outcomes.values() for line in each.account.wrong]
    for line in amiss:
        console.print(line, markup=False)
    clean = all(each.account.clean for each in outcomes.values())
    console.print(f"{time.monotonic() - start:.0f} s; {'nothing' if clean else 'something'} amiss")
    if clean:
        shutil.rmtree(folder)
    else:
        console.print(f"what is left: {folder}")
    return 0 if clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a part, in a minute or two")
    names = [each.name for each in FAULTS]
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="FAULT")
    parser.add_argument("--list", action="store_true", help="list the faults and exit")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="searches (default: 2)")
    return parser


def _tried(
    fault: Fault, arguments: argparse.Namespace, unbroken: Unbroken, console: Console
) -> Outcome:
    console.print(f"{fault.name}: {fault.about}", style="bold")
    start = time.monotonic()

    def say(text: str) -> None:
        console.print(f"  {time.monotonic() - start:4.0f} s  {text}", markup=False)

    draw = random.Random(f"{arguments.seed} {fault.name}")
    place = unbroken.folder / fault.name
    place.mkdir()
    outcome = fault.run(Bench(place, draw, arguments.at_once, arguments.short, say, unbroken))
    say("done")
    return outcome


def _table(outcomes: dict[Fault, Outcome]) -> Table:
    table = Table(box=None)
    for name in ("fault", "tried", "lost", "duplicated", "left RUNNING", "wrong", ""):
        table.add_column(name, justify="left" if name in ("fault", "") else "right")
    for fault, outcome in outcomes.items():
        left: Account = outcome.account
        figures = (outcome.tried, left.lost, left.duplicated, left.running, len(left.wrong))
        table.add_row(fault.about, *map(str, figures), outcome.note)
    return table


if __name__ == "__main__":
    sys.exit(main())

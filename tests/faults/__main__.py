"""``python tests/faults``: try every fault for real, and print what it left."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore

sys.path.insert(0, str(Path(__file__).parents[2]))

import damaged_checkpoint
import extended
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
from searches import end_all

FAMILIES = (
    killed_driver,
    interrupted,
    killed_worker,
    failing_trial,
    damaged_checkpoint,
    stopped_server,
    full_disk,
    two_searches,
    extended,
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
    # Where this runs in the background SIGINT is ignored, and so it would be in all searches.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wide = None if sys.stdout.isatty() else 120
    console = Console(highlight=False, soft_wrap=True, width=wide)
    folder = Path(tempfile.mkdtemp(prefix="convoy-faults-"))
    start, unbroken = time.monotonic(), Unbroken(folder)
    slots = Semaphore(arguments.at_once)
    with ThreadPoolExecutor(len(chosen)) as pool:
        found = pool.map(lambda each: _tried(each, arguments, unbroken, slots, console), chosen)
        try:
            outcomes = dict(zip(chosen, found, strict=True))
        except KeyboardInterrupt:  # the searches are in sessions of their own, and heard nothing
            end_all()
            os._exit(130)
    clean = _reported(outcomes, console)
    console.print(f"{time.monotonic() - start:.0f} s; {'nothing' if clean else 'something'} amiss")
    if clean:
        shutil.rmtree(folder)
    else:
        console.print(f"what is left: {folder}")
    return 0 if clean else 1


def _reported(outcomes: dict[Fault, Outcome], console: Console) -> bool:
    """Print what came of the faults; true if nothing is amiss."""
    console.print(_table(outcomes))
    for fault, outcome in outcomes.items():
        for line in outcome.account.wrong:
            console.print(f"{fault.name}: {line}", markup=False)
    return all(each.account.clean for each in outcomes.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/faults", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--short", action="store_true", help="a part, in a minute or two")
    names = [each.name for each in FAULTS]
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="FAULT")
    parser.add_argument("--list", action="store_true", help="list the faults and exit")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="tries (default: 2)")
    return parser


def _tried(
    fault: Fault,
    arguments: argparse.Namespace,
    unbroken: Unbroken,
    slots: Semaphore,
    console: Console,
) -> Outcome:
    start = time.monotonic()

    def say(text: str) -> None:
        line = f"{time.monotonic() - start:5.0f} s  {fault.name:21} {text}"
        console.print(line, markup=False)

    draw = random.Random(f"{arguments.seed} {fault.name}")
    place = unbroken.folder / fault.name
    place.mkdir()
    try:
        outcome = fault.run(Bench(place, draw, slots, arguments.short, say, unbroken))
    except Exception as error:  # a server that does not start, a disk that cannot be mounted
        outcome = Outcome(0, Account(wrong=(f"{type(error).__name__}: {error}",)))
    say(f"done: {outcome.tried} tried")
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

"""The command that tries faults for real, and prints what they left."""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore

from account import Account
from fault import Bench, Fault, Outcome, Unbroken
from rich.console import Console
from rich.table import Table
from searches import end_all


def run(faults: Sequence[Fault], program: str, about: str | None, at_once: int = 2) -> int:
    """Try what the command line asks for; 1 if anything is amiss.

    Args:
        faults: to choose from.
        program: how the command is called.
        about: what it does.
        at_once: tries at a time, unless the command line says other.
    """
    arguments = _parser(faults, program, about, at_once).parse_args()
    if arguments.list:
        print("\n".join(f"{each.name:22} {each.about}" for each in faults))
        return 0
    # Where this runs in the background SIGINT is ignored, and so it would be in all searches.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    wide = None if sys.stdout.isatty() else 120
    console = Console(highlight=False, soft_wrap=True, width=wide)
    folder = Path(tempfile.mkdtemp(prefix="convoy-faults-"))
    start = time.monotonic()
    clean = _reported(_outcomes(_chosen(faults, arguments), arguments, folder, console), console)
    console.print(f"{time.monotonic() - start:.0f} s; {'nothing' if clean else 'something'} amiss")
    if clean:
        shutil.rmtree(folder)
    else:
        console.print(f"what is left: {folder}")
    return 0 if clean else 1


def _chosen(faults: Sequence[Fault], arguments: argparse.Namespace) -> list[Fault]:
    if arguments.only:
        return [each for each in faults if each.name in arguments.only]
    return [each for each in faults if each.short or not arguments.short]


def _outcomes(
    faults: list[Fault], arguments: argparse.Namespace, folder: Path, console: Console
) -> dict[Fault, Outcome]:
    unbroken, slots = Unbroken(folder), Semaphore(arguments.at_once)
    with ThreadPoolExecutor(len(faults)) as pool:
        found = pool.map(lambda each: _tried(each, arguments, unbroken, slots, console), faults)
        try:
            return dict(zip(faults, found, strict=True))
        except KeyboardInterrupt:  # the searches are in sessions of their own, and heard nothing
            end_all()
            os._exit(130)


def _reported(outcomes: dict[Fault, Outcome], console: Console) -> bool:
    """Print what came of the faults; true if nothing is amiss."""
    console.print(_table(outcomes))
    for fault, outcome in outcomes.items():
        for line in outcome.account.wrong:
            console.print(f"{fault.name}: {line}", markup=False)
    return all(each.account.clean for each in outcomes.values())


def _parser(
    faults: Sequence[Fault], program: str, about: str | None, at_once: int
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=about, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="a part, in a minute or two")
    names = [each.name for each in faults]
    parser.add_argument("--only", nargs="+", default=[], choices=names, metavar="FAULT")
    parser.add_argument("--list", action="store_true", help="list the faults and exit")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument(
        "--at-once", type=int, default=at_once, metavar="N", help=f"tries (default: {at_once})"
    )
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
    for name in ("fault", "tried", "lost", "duplicated", "left RUNNING", "repeated", "wrong", ""):
        table.add_column(name, justify="left" if name in ("fault", "") else "right")
    for fault, outcome in outcomes.items():
        left: Account = outcome.account
        amiss = (left.lost, left.duplicated, left.running, left.repeated, len(left.wrong))
        table.add_row(fault.about, *map(str, (outcome.tried, *amiss)), outcome.note)
    return table

"""``python -m benchmarks.searchers``: compare Convoy's proposals with those of other libraries.

Each method searches tables of recorded trainings, so that nothing is trained. A simulated clock
lets four workers train one epoch per unit of time, and asks the method's real searcher and
scheduler for the next step. There are three kinds of tables: learning curves of small networks (20
epochs, 1,512 settings), public tables of final values, and the landscape of the space gap5. All
methods begin with the same ten settings. Each kind except the last has one half for tuning and one
for judging.

The regret is that of the epoch that looks best so far, at 10, 25, 50 and 100% of the budget: 0 is
the table's best setting, 1000 its median setting. Differences are paired by table and seed; below 0
there is less regret. Each has a 95% interval over all pairs, by Student's t. The interval for
"other tables" also resamples the tables: with four tables it is wide, and shows how far the result
generalises. Ranks are means at the end. Milliseconds are CPU time per proposed training.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.command import measured, parser_of
from search import environment
from trainables.boundary.errors import UsageError

SEEDS, QUICK_SEEDS, QUICK_TABLES = 10, 3, 2
ALONE = 4  # factor of the number of seeds on the only table of a kind
_QUICK = f"{QUICK_SEEDS} seeds, {QUICK_TABLES} tables a kind, no slow methods"


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    environment.prepare(loopback=True)
    return measured(_parser(), _measure, argv, {"seeds": 2, "processes": 1})


def _parser() -> argparse.ArgumentParser:
    from benchmarks.searchers.tasks import KINDS

    parser = parser_of("benchmarks.searchers", __doc__)
    add = parser.add_argument
    add(
        "--half",
        choices=["tuning", "judging"],
        default="judging",
        help="half of the tables (default: judging)",
    )
    add("--tasks", nargs="+", choices=KINDS, metavar="KIND", help=_some(KINDS))
    add(
        "--methods",
        nargs="+",
        metavar="NAME",
        help="names in quotes from --list, or a combination such as "
        '"convoy tpe asha grace=2 factor=4" (default: all)',
    )
    add(
        "--against",
        default="convoy",
        metavar="NAME",
        help="method to compare with (default: convoy)",
    )
    add("--seeds", type=int, metavar="N", help=f"seeds of each method and table (default: {SEEDS})")
    add("--processes", type=int, default=2, metavar="N", help="processes at once (default: 2)")
    add("--quick", action="store_true", help="a few minutes: " + _QUICK)
    add("--list", action="store_true", help="list the methods and exit")
    add("--record", action="store_true", help="train the curves again and write their file")
    return parser


def _some(kinds: Sequence[str]) -> str:
    return f"kinds of tables: {', '.join(kinds)} (default: all)"


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.searchers.methods import catalogue

    if arguments.record:
        return _record()
    for line in catalogue().missing:
        print(line)
    if arguments.list:
        requested = [f"{name} (only where it is named)" for name in catalogue().on_request]
        print(*catalogue().curves | catalogue().tables, *requested, sep="\n")
        return {}
    plans = [_plan(kind, arguments) for kind in arguments.tasks or _kinds(arguments.half)]
    return {"half": arguments.half, "results": [row for plan in plans for row in _run(plan)]}


def _kinds(half: str) -> Iterator[str]:
    """The kinds that have a table in the half, and whose package is installed."""
    from benchmarks.searchers import tasks

    for kind in tasks.KINDS:
        try:
            if names := tasks.names(kind, half):
                tasks.read(kind, names[0])
                yield kind
        except UsageError as error:
            print(f"{kind} are left out: {error}")


@dataclass(frozen=True)
class Plan:
    """The runs on one kind of tables."""

    kind: str
    half: str
    tables: tuple[str, ...]
    methods: list[str]
    against: str
    seeds: int
    processes: int


def _plan(kind: str, arguments: argparse.Namespace) -> Plan:
    from benchmarks.searchers import methods, tasks

    against, quick = arguments.against, arguments.quick
    tables = tasks.names(kind, arguments.half)[: QUICK_TABLES if quick else None]
    epochs = tasks.read(kind, tables[0]).epochs if tables else 1
    catalogue = methods.catalogue()
    default = [name for name in catalogue.of(epochs) if not (quick and name in catalogue.slow)]
    wanted = [against, *(arguments.methods or default)]
    chosen = [name for name in dict.fromkeys(wanted) if methods.make(name, epochs)]
    if against not in chosen:
        raise UsageError(f"--against {against}: it does not run on {kind}; name other --tasks")
    seeds = arguments.seeds or (QUICK_SEEDS if quick else SEEDS)
    seeds *= ALONE if len(tasks.names(kind, arguments.half)) == 1 else 1
    return Plan(kind, arguments.half, tables, chosen, against, seeds, arguments.processes)


def _run(plan: Plan) -> list[dict[str, Any]]:
    """Let the methods search, and print the results."""
    from benchmarks.searchers import contest, figures, report

    print(f"{plan.kind}, {plan.half}: {', '.join(plan.tables) or 'none'}; {plan.seeds} seeds")
    runs = [
        contest.Run(plan.kind, table, method, seed)
        for seed in range(plan.seeds)
        for table in plan.tables
        for method in plan.methods
    ]
    results = list(_shown(contest.results(runs, plan.processes), len(runs)))
    failed = {result.method: result.fault for result in results if result.fault}
    for method, fault in failed.items():
        print(f"{method} is left out: {fault}")
    methods = [method for method in plan.methods if method not in failed]
    if runs and plan.against in methods:
        standings = figures.standings(results, methods, plan.against)
        print(report.described(standings, len(plan.tables), plan.against))
    print(flush=True)
    return [{"kind": plan.kind, **asdict(result)} for result in results]


def _shown(results: Iterable[Any], total: int) -> Iterator[Any]:
    """Yield the results, and print a line on progress twice a minute."""
    begun = printed = time.monotonic()
    for count, result in enumerate(results, start=1):
        if time.monotonic() - printed > 30:
            printed = time.monotonic()
            print(
                f"  {count} of {total} runs, {printed - begun:.0f} s", file=sys.stderr, flush=True
            )
        yield result


def _record() -> dict[str, Any]:
    from benchmarks.searchers import recording
    from benchmarks.searchers.tasks import curves

    recording.write([*curves.TUNING, *curves.JUDGING])
    return {}


if __name__ == "__main__":
    sys.exit(main())

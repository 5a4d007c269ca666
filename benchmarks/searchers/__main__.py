"""``python -m benchmarks.searchers``: how good what a search tries is, beside other libraries.

Each method searches tables of recorded trainings, so that nothing is trained or waited for: a
simulated clock lets four workers train an epoch in a unit of time and ask the method's real
searcher and scheduler what comes next. There are three kinds of tables: learning curves of small
networks (20 epochs, 1,512 settings), public tables of final values, and the landscape of the space
gap5. All methods begin with the same ten settings. Each kind but the last has a half for tuning
and one for judging.

Regret x 1000 is that of the best epoch so far at 10, 25, 50 and 100% of the budget: 0 is a
table's best setting, 1000 its median one. Differences are paired by table and seed, with 95%
intervals: less regret is below 0.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.command import measured, parser_of
from search import environment

SEEDS, QUICK_SEEDS = 20, 3


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    environment.prepare(loopback=True)
    from benchmarks.searchers.tasks import KINDS

    parser = parser_of("benchmarks.searchers", __doc__)
    add = parser.add_argument
    add("--half", choices=["tuning", "judging"], default="judging", help="(judging)")
    add("--tasks", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=_tasks(KINDS))
    add(
        "--methods",
        nargs="+",
        metavar="NAME",
        help='names in quotes, of those listed by --list, or such as "convoy tpe asha grace=2 '
        'factor=4" (all)',
    )
    add("--against", default="convoy", metavar="NAME", help="what the others are compared with")
    add("--seeds", type=int, metavar="N", help=f"runs of each method on each table ({SEEDS})")
    add("--processes", type=int, default=2, metavar="N", help="at once (2)")
    add("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds: some three minutes")
    add("--list", action="store_true", help="name the methods, and run none")
    add("--record", action="store_true", help="train the curves again, and write their file")
    return measured(parser, _measure, argv, {"seeds": 2, "processes": 1})


def _tasks(kinds: Sequence[str]) -> str:
    return f"some of {', '.join(kinds)} (all)"


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.record:
        return _record()
    if arguments.list:
        return _list()
    seeds = arguments.seeds or (QUICK_SEEDS if arguments.quick else SEEDS)
    results = []
    for kind in arguments.tasks:
        results += _run(kind, arguments, seeds)
    return {"half": arguments.half, "results": results}


def _run(kind: str, arguments: argparse.Namespace, seeds: int) -> list[dict[str, Any]]:
    from benchmarks.searchers import contest, figures, report, tasks

    tables = tasks.names(kind, arguments.half)
    if not tables:
        print(f"{kind}: none for {arguments.half}\n")
        return []
    methods = _chosen(arguments, tasks.read(kind, tables[0]).epochs)
    runs = [
        contest.Run(kind, table, method, seed)
        for table in tables
        for seed in range(seeds)
        for method in methods
    ]
    begun = time.monotonic()
    results = list(contest.results(runs, arguments.processes))
    title = (
        f"{kind}, {arguments.half}: {', '.join(tables)}; {seeds} seeds, "
        f"{time.monotonic() - begun:.0f} s"
    )
    standings = figures.standings(results, methods, arguments.against)
    print(report.described(title, standings, len(tables), arguments.against) + "\n", flush=True)
    return [{"kind": kind, **asdict(result)} for result in results]


def _chosen(arguments: argparse.Namespace, epochs: int) -> list[str]:
    """The methods for trainings of so many epochs, the reference first."""
    from benchmarks.searchers.methods import catalogue, make

    for line in catalogue().missing:
        print(line)
    names = arguments.methods or list(catalogue().of(epochs))
    return [name for name in dict.fromkeys([arguments.against, *names]) if make(name, epochs)]


def _list() -> dict[str, Any]:
    from benchmarks.searchers.methods import catalogue

    found = catalogue()
    print(*dict.fromkeys([*found.curves, *found.tables]), sep="\n")
    print(*found.missing, sep="\n")
    return {}


def _record() -> dict[str, Any]:
    from benchmarks.searchers import recording
    from benchmarks.searchers.tasks import curves

    recording.write([*curves.TUNING, *curves.JUDGING])
    return {}


if __name__ == "__main__":
    sys.exit(main())

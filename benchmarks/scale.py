"""``python -m benchmarks.scale``: the service's own cost of 1,000 and 10,000 trials.

Trials replay recorded learning curves, so that nothing waits for training. Searcher, scheduler,
scoreboard, summary, printed lines and MLflow records, in an SQLite store in a temporary folder, are
those of a real search. Ray's cluster is not started, so its cost per trial is not included.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

from benchmarks.command import measured, parser_of
from search import environment

SECONDS, GROWTH = {1_000: 60.0, 10_000: 600.0}, 1.5  # goals, on two cores: seconds, times


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = parser_of("benchmarks.scale", __doc__)
    parser.add_argument(
        "--trials",
        type=int,
        action="append",
        metavar="N",
        help=f"trials of a search; may be repeated (default: {' and '.join(map(str, SECONDS))})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the searches (default: %(default)s)",
    )
    return measured(parser, _measure, argv, {"trials": 1, "seed": 0})


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    environment.prepare(loopback=True)
    from benchmarks.replayed import run

    costs = []
    for trials in sorted(arguments.trials or SECONDS):
        # In its own process, so that its memory is measured alone.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            costs.append(process.submit(run, trials, arguments.seed).result())
        print(costs[-1].described(SECONDS.get(trials)), flush=True)
    if len(costs) > 1:
        times = costs[-1].milliseconds / costs[0].milliseconds
        print(f"a trial of the longest takes {times:.2f} times one of the shortest (goal {GROWTH})")
    return {"searches": [{**asdict(each), "milliseconds": each.milliseconds} for each in costs]}


if __name__ == "__main__":
    sys.exit(main())

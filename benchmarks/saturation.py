"""``python -m benchmarks.saturation``: how many workers one driver feeds.

Measures what a search's driver computes a report and a trial, in real searches whose trials sleep
instead of training (``benchmarks.sleeping_search``). From that follow, for longer and shorter
epochs, the saturation point on paper (``benchmarks.machine_repairman``) and the share of their
time in which workers idle, by simulation (``benchmarks.driver_queue``). At the end searches with
more and more workers are compared with what the simulation expects of them.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.capacity import (
    EPOCHS,
    WORKERS,
    Feeding,
    System,
    feeding,
    idleness,
    remedies,
)
from benchmarks.driver_costs import Costs, Rates
from benchmarks.driver_queue import Ladder, Simulated, Spread
from benchmarks.machine import circumstances, described
from benchmarks.results import result_file, write
from search import environment
from search.space import SPACES, Budget, read_space
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

if TYPE_CHECKING:
    from benchmarks.sleeping_search import Metered

SPACE = "gap5"
# The searches that tell what a trial and a report cost: epochs of a trial, seconds of an epoch.
LENGTHS, PAUSES, CREW, REPORTS = (1, 4, 16), (0.02, 0.6), 4, 160
# Those that are compared with the simulation.
CHECKED, CHECK_EPOCH, CHECK_BUDGET = (8, 16, 32), 0.5, {"epochs": 9, "grace_epochs": 3}
REMEDIED = 1.0  # seconds of an epoch for which the remedies are compared
_RATES = ("loop", "ledger", "rest", "steps")


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = _parser().parse_args(argv)
        _check_flags(arguments)
        file = result_file(arguments.json)
        costs = None if arguments.costs is None else read_costs(arguments.costs)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    environment.prepare(loopback=True)
    found = circumstances("benchmarks.saturation", argv, torch.device("cpu"))
    print(described(found), flush=True)
    costs, checks = _measured(arguments, costs)
    write({**found, "costs": asdict(costs), "checks": checks, **_expected(costs, arguments)}, file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.saturation", description=__doc__)
    parser.add_argument("--costs", metavar="FILE", help="take them from what --json wrote")
    parser.add_argument("--tracking-uri", metavar="URI", help="MLflow's (a new SQLite store)")
    parser.add_argument(
        "--check",
        type=int,
        action="append",
        metavar="N",
        help="workers of a search to compare with; may be repeated; 0 for none (8, 16 and 32)",
    )
    parser.add_argument(
        "--check-epoch",
        type=float,
        default=CHECK_EPOCH,
        metavar="S",
        help=f"seconds of its epochs ({CHECK_EPOCH})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all draws (0)")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    return parser


def _check_flags(arguments: argparse.Namespace) -> None:
    if any(workers < 0 for workers in arguments.check or []):
        raise UsageError("--check must be 0 or more")
    if not arguments.check_epoch > 0:
        raise UsageError(f"--check-epoch must be more than 0, not {arguments.check_epoch:g}")
    if arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {arguments.seed}")


def read_costs(given: str) -> Costs:
    """The costs in a file that ``--json`` wrote.

    Raises:
        UsageError: it is not such a file.
    """
    path = user_path(given, "--costs")
    try:
        written = json.loads(path.read_text())["costs"]
        loop, ledger, rest, steps = (Rates(**written[name]) for name in _RATES)
        return Costs(loop, ledger, rest, steps, float(written["poll"]), float(written["turnover"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--costs {given}: not a file that --json wrote ({error})") from error


def _measured(
    arguments: argparse.Namespace, costs: Costs | None
) -> tuple[Costs, list[dict[str, Any]]]:
    """What a driver costs, and the searches to compare with; both printed as they come."""
    given = CHECKED if arguments.check is None else arguments.check
    checked = [workers for workers in given if workers]
    if costs is not None and not checked:
        print(f"\n{costs_table(costs)}")
        return costs, []
    from search.cluster import cluster

    with cluster(None):
        costs = costs or _costs(arguments)
        print(f"\n{costs_table(costs)}\n", flush=True)
        return costs, [_checked(arguments, costs, workers) for workers in checked]


def _costs(arguments: argparse.Namespace) -> Costs:
    from benchmarks.polling import poll_cost
    from benchmarks.sleeping_search import Load, run

    poll, samples = poll_cost(), []
    for length, epoch in ((length, epoch) for length in LENGTHS for epoch in PAUSES):
        trials = 2 * CREW + max(20, REPORTS // length)
        budget = Budget(trials=trials, epochs=length, grace_epochs=length)
        uri, seed = arguments.tracking_uri, arguments.seed
        sample = run(Load(CREW, epoch, budget), os.cpu_count() or 1, uri, seed).sample
        print(
            f"{sample.trials} trials, {sample.reports} reports of epochs of {epoch:g} s: "
            f"{sample.seconds:.1f} s, CPU {sample.process:.1f} s (Tune's loop {sample.loop:.1f}, "
            f"ledger {sample.ledger:.1f}), {sample.steps:.0f} steps",
            flush=True,
        )
        samples.append(sample)
    return Costs.of(samples, poll)


def _checked(arguments: argparse.Namespace, costs: Costs, workers: int) -> dict[str, Any]:
    """Run a search and compare it with what is expected of it."""
    from benchmarks.sleeping_search import Load, run

    budget, epoch = Budget(trials=6 * workers + 16, **CHECK_BUDGET), arguments.check_epoch
    load = Load(workers, epoch, budget, flush=False)
    metered = run(load, os.cpu_count() or 1, arguments.tracking_uri, arguments.seed)
    ladder = _ladder(budget)
    systems = [System(costs, epoch, ladder, alone, Spread(0.0, 0.0)) for alone in (False, True)]
    expected = [system.simulated(workers, arguments.seed) for system in systems]
    print(check_line(workers, epoch, metered, expected), flush=True)
    found = {"workers": workers, "epoch": epoch, **asdict(metered)}
    return {**found, "expected": [asdict(each) for each in expected]}


def _ladder(budget: Budget) -> Ladder:
    return Ladder.of(budget.grace_epochs, budget.epochs, budget.reduction_factor)


def _expected(costs: Costs, arguments: argparse.Namespace) -> dict[str, Any]:
    """Print how many workers are fed; the figures behind it."""
    ladder, seed = _ladder(read_space(SPACES / f"{SPACE}.yaml").budget), arguments.seed
    fed = feeding(costs, ladder, seed)
    print(f"\nTrials of {ladder.mean:.1f} epochs on average\n{feeding_table(fed)}", flush=True)
    idle = idleness(costs, ladder, seed)
    print(f"\n{idle_table(idle)}", flush=True)
    changed = remedies(costs, ladder, REMEDIED, seed)
    print(f"\n{remedies_table(changed)}")
    shares = {n: [asdict(each) for each in row] for n, row in idle.items()}
    return {"feeding": [asdict(each) for each in fed], "idle": shares, "remedies": changed}


def check_line(workers: int, epoch: float, metered: "Metered", expected: list[Simulated]) -> str:
    """What a search did, beside what is expected: in turns, and with the loop alone."""
    sample = metered.sample
    throughput = " to ".join(f"{each.throughput:.1f}" for each in expected)
    idle = " to ".join(f"{each.idle:.1%}" for each in expected)
    return (
        f"{workers} workers, epochs of {epoch:g} s: {sample.reports / sample.seconds:.1f} "
        f"reports/s (expected {throughput}), idle {metered.idle:.1%} (expected {idle}); "
        f"CPU {sample.process / sample.seconds:.0%} of the time, Tune's loop "
        f"{sample.loop / sample.seconds:.0%}; all at work after {metered.ramp:.0f} s; "
        f"load {os.getloadavg()[0]:.1f}"
    )


def costs_table(costs: Costs) -> str:
    """What a driver computes."""
    rows = [f"{'':34}{'a report':>12}{'a trial':>12}{'a second':>12}"]
    for name, rates in (
        ("Tune's loop, ms of CPU", costs.loop),
        ("the ledger, where it keeps up, ms", costs.ledger),
        ("all other threads, ms", costs.rest),
    ):
        cells = (f"{1000 * each:>12.2f}" for each in (rates.report, rates.trial, rates.second))
        rows.append(f"{name:34}{''.join(cells)}")
    steps = costs.steps
    rows.append(f"{'steps':34}{steps.report:>12.2f}{steps.trial:>12.2f}{steps.second:>12.2f}")
    return "\n".join(
        [
            *rows,
            f"a step takes {1e6 * costs.poll:.2f} us longer for each trial under way",
            f"between two trials a worker waits {1000 * costs.turnover:.0f} ms beyond that",
        ]
    )


def feeding_table(fed: list[Feeding]) -> str:
    """How many workers are fed, by the length of an epoch."""
    head = ("epoch, s", "reports/s", "saturation", "95% fed", "saturation", "95% fed")
    rows = [f"{'':24}{'all in turns':>24}{'the loop alone':>24}", "".join(f"{h:>12}" for h in head)]
    for each in fed:
        counts = (each.saturation, each.fed, each.saturation_alone, each.fed_alone)
        cells = "".join(f"{count:>12,}" for count in counts)
        rows.append(f"{each.epoch:>12g}{each.reports:>12.1f}{cells}")
    return "\n".join(rows)


def idle_table(idle: dict[int, list[Simulated]]) -> str:
    """Idle share and reports a second, by workers and the length of an epoch."""
    heads = "".join(f"{f'epochs of {epoch:g} s':>20}" for epoch in EPOCHS)
    rows = [f"{'workers':>8}{heads}"]
    for workers in WORKERS:
        cells = (f"{each.idle:>10.1%}{each.throughput:>8.1f}/s" for each in idle[workers])
        rows.append(f"{workers:>8,}{''.join(cells)}")
    return "\n".join(rows)


def remedies_table(changed: dict[str, int]) -> str:
    """Workers that are fed, by what is changed."""
    rows = [f"{name:56}{workers:>8,}" for name, workers in changed.items()]
    return "\n".join([f"workers 95% fed, epochs of {REMEDIED:g} s", *rows])


if __name__ == "__main__":
    sys.exit(main())

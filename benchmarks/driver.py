"""``python -m benchmarks.driver``: the CPU time of a search's driver per report and per trial.

It runs real searches of gap5 on the embedded data (Ray, Tune's loop, searcher, ASHA, events,
trials' files, MLflow), but their trials sleep instead of training. From trials and epochs of
several lengths, least squares estimate the driver's CPU time per report, per trial and per second.

The number of workers that one driver feeds follows from the bounds of operational analysis (Denning
& Buzen 1978). N workers report an epoch every Z seconds. Each report takes D seconds of the driver,
with its share of the trial: D = report + trial / epochs of a trial. There are at most
min(N/Z, 1/D) reports a second, as a worker trains one epoch while the driver handles its last
report. So N = Z/D workers saturate the driver. The time of other threads counts in full, as they
share the interpreter's lock.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.optimize import nnls

from benchmarks.command import measured, parser_of
from search import environment

LENGTHS = (1, 4, 16)  # epochs of a trial
EPOCHS = (0.6, 1.2)  # seconds; the records keep up, in batches of half a second
WORKERS, REPORTS = 4, 96
FED = (0.5, 1.0, 10.0, 60.0)  # seconds of an epoch; shorter ones are reported together
LADDER = 8.9  # epochs of a trial of gap5's ladder, on average


@dataclass(frozen=True)
class DriverUsage:
    """The resources that a search took from its driver, from its first trial on.

    Attributes:
        trials: number of trials that ended.
        reports: number of reports of all trials.
        seconds: wall time.
        cpu: CPU seconds of the driver's process.
    """

    trials: int
    reports: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class DriverCosts:
    """CPU seconds per report, trial, second and search."""

    report: float
    trial: float
    second: float
    search: float

    @classmethod
    def of(cls, usages: Sequence[DriverUsage]) -> "DriverCosts":
        """The costs, none below 0, that fit ``usages`` best.

        Errors are relative to each search's total, so that the longest search does not dominate.
        """
        rows = np.array([(each.reports, each.trials, each.seconds, 1.0) for each in usages])
        cpu = np.array([each.cpu for each in usages])
        costs, _ = nnls(rows / cpu[:, None], np.ones(len(cpu)))
        return cls(*costs.tolist())

    def workers(self, epoch: float, epochs: float = LADDER) -> float:
        """Workers that saturate the driver, Z/D, for epochs of ``epoch`` seconds."""
        return epoch / (self.report + self.trial / epochs)


def sleep_and_report(config: dict[str, Any], seconds: float) -> None:
    """A trial for Tune that sleeps ``seconds`` in each epoch, and reports as a real one does."""
    from search.trials.files import METRICS
    from search.workers.reporting import Pace, Reports
    from trainables.training import Epoch

    metrics = {**dict.fromkeys(METRICS, 0.5), "epoch_seconds": seconds}
    metrics["val_accuracy"] = Random(config["number"]).random()  # the first epoch is the best
    epochs = range(1, config["job"]["epochs"] + 1)
    with Reports(Pace(epochs), lambda epoch: epoch) as reports:
        for number in epochs:
            time.sleep(seconds)
            reports.send(Epoch(number, metrics, {"best": {"epoch": 1, "model": {}}}))


def run_sleeping_search(trials: int, epochs: int, seconds: float) -> DriverUsage:
    """Run a search with trials that sleep, in a temporary folder; Ray must be running."""
    from ray import tune

    from search.api import run_search
    from search.driver.engine import run_search as engine_run

    clocks: list[float] = []

    def sleeping(*_: object) -> Callable[..., Any]:
        """Replaces the search's own trainable, which it requests just before the first trial."""
        clocks.extend((time.perf_counter(), time.process_time()))
        trainable: Callable[..., Any] = tune.with_parameters(sleep_and_report, seconds=seconds)
        return trainable

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(sys.modules[engine_run.__module__], "trainable", sleeping),
    ):
        result = run_search(
            "gap5", data="embedded", trials=trials, epochs=epochs, finalists=0, out=folder
        )
    wall, cpu = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    return DriverUsage(len(result.trials), result.summary.epochs, wall, cpu)


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = parser_of("benchmarks.driver", __doc__)
    parser.add_argument(
        "--reports",
        type=int,
        default=REPORTS,
        metavar="N",
        help=f"reports per search (default: {REPORTS})",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=WORKERS,
        metavar="N",
        help=f"trials at once (default: {WORKERS})",
    )
    parser.add_argument(
        "--epoch",
        type=float,
        action="append",
        metavar="S",
        help="seconds of an epoch; may be repeated",
    )
    return measured(parser, _measure, argv, {"reports": 16, "workers": 1})


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    environment.prepare(loopback=True)
    import ray

    usages = []
    options = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    with ray.init("local", num_cpus=arguments.workers, **options):  # which the searches use
        run_sleeping_search(arguments.workers, 1, 0.0)  # imports, and starts the workers
        for length, epoch in product(LENGTHS, arguments.epoch or EPOCHS):
            usages.append(run_sleeping_search(arguments.reports // length, length, epoch))
            usage = usages[-1]
            print(
                f"{usage.trials} trials, {usage.reports} reports, CPU {usage.cpu:.1f} s", flush=True
            )
    costs = DriverCosts.of(usages)
    print(f"\n{described(costs)}")
    return {"searches": [asdict(each) for each in usages], "costs": asdict(costs)}


def described(costs: DriverCosts) -> str:
    """The printed form of the costs, and of the number of workers that saturate a driver."""
    names = ("report", "trial", "second", "search")
    cells = (f"a {name} {1000 * getattr(costs, name):.1f}" for name in names)
    rows = [f"ms of the driver's CPU: {', '.join(cells)}"]
    rows.append(f"workers that saturate it, trials of {LADDER} epochs:")
    rows += [f"  epochs of {epoch:g} s: {costs.workers(epoch):,.0f}" for epoch in FED]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())

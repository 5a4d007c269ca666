"""Run every method on every table with every seed, in processes of one thread each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from signal import SIG_DFL, SIGINT, signal

import torch

from benchmarks.searchers import tasks
from benchmarks.searchers.clock import Simulation
from benchmarks.searchers.methods import make
from trainables.boundary.errors import UsageError


@dataclass(frozen=True)
class Run:
    """One simulation: a ``method`` on a table ``name`` of a ``kind``."""

    kind: str
    name: str
    method: str
    seed: int


@dataclass(frozen=True)
class RunResult:
    """The result of a simulation.

    Attributes:
        table: name of the table.
        method: name of the method.
        seed: seed of the first settings, the method and the noise.
        regrets: regret at each of ``MARKS``.
        leases: number of trainings that the method proposed.
        milliseconds: CPU milliseconds for each of them.
        fault: the exception of the method, in a line; empty if there was none.
    """

    table: str
    method: str
    seed: int
    regrets: tuple[float, ...]
    leases: int
    milliseconds: float
    fault: str = ""


def simulate(run: Run) -> RunResult:
    """Let the method search, in this process.

    Raises:
        UsageError: there is no such table or method.
    """
    table = tasks.read(run.kind, run.name)
    create = make(run.method, table.epochs)
    assert create, f"{run.method} is not for {run.name}"
    method = create(table.task(run.seed), run.seed, table.trials)
    simulation = Simulation(table, method, run.seed)
    regrets = simulation.run()
    cost = 1000 * simulation.seconds / max(1, simulation.leases)
    return RunResult(run.name, run.method, run.seed, tuple(regrets), simulation.leases, cost)


def tolerated(run: Run) -> RunResult:
    """The same, but an exception of the method becomes a line, so that other results survive."""
    try:
        return simulate(run)
    except UsageError:
        raise
    except Exception as error:
        fault = f"{run.name}, seed {run.seed}: {type(error).__name__}: {error}"
        return RunResult(run.name, run.method, run.seed, (), 0, 0.0, " ".join(fault.split()))


def results(runs: Sequence[Run], processes: int) -> Iterator[RunResult]:
    """Yield the results of the runs as they end."""
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
        try:
            for done in as_completed([pool.submit(tolerated, run) for run in runs]):
                yield done.result()
        finally:  # after an error or Ctrl-C, start no other run
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Let this process compute in one thread, and end silently on Ctrl-C."""
    signal(SIGINT, SIG_DFL)
    torch.set_num_threads(1)

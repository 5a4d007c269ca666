"""Every method on every table with every seed, by processes of one thread each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import torch

from benchmarks.searchers import tasks
from benchmarks.searchers.clock import Simulation
from benchmarks.searchers.methods import make


@dataclass(frozen=True)
class Run:
    """One simulation: a ``method`` on a table ``name`` of a ``kind``."""

    kind: str
    name: str
    method: str
    seed: int


@dataclass(frozen=True)
class RunResult:
    """What came of a simulation.

    Attributes:
        table: its name.
        method: its name.
        seed: of the first settings, the method and the noise.
        regrets: at each of ``MARKS``.
        leases: trainings that the method proposed.
        milliseconds: of CPU for each of them.
    """

    table: str
    method: str
    seed: int
    regrets: tuple[float, ...]
    leases: int
    milliseconds: float


def simulate(run: Run) -> RunResult:
    """Run a run in this process."""
    table = tasks.read(run.kind, run.name)
    create = make(run.method, table.epochs)
    assert create, f"{run.method} is not for {run.name}"
    method = create(table.task(run.seed), run.seed, table.trials)
    simulation = Simulation(table, method, run.seed)
    regrets = simulation.run()
    cost = 1000 * simulation.seconds / max(1, simulation.leases)
    return RunResult(run.name, run.method, run.seed, tuple(regrets), simulation.leases, cost)


def results(runs: Sequence[Run], processes: int) -> Iterator[RunResult]:
    """What came of the runs, as they end."""
    if processes == 1:
        yield from map(simulate, runs)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_one_thread) as pool:
        for done in as_completed([pool.submit(simulate, run) for run in runs]):
            yield done.result()


def _one_thread() -> None:
    torch.set_num_threads(1)

"""A search of gap5 on the embedded data whose trials are replayed, recorded as a real one is."""

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
import psutil
from rich.console import Console

from benchmarks.simulation import SPACE, Clock, Landscape, Replay, read_curves
from search.choice import so_far
from search.ledger import Ledger, Place
from search.scoreboard import Scoreboard
from search.searcher import TruthfulOptunaSearch
from search.space import SPACES, Budget, Sampler, read_space
from search.summary import SummaryWriter, summarise
from search.task import Job
from search.terminal import PlainLines
from trainables.data import EMBEDDED

MEMORY = 200.0  # MB, the goal
WARM = 100  # trials that end before memory counts as grown
TRAIN_IMAGES = 4500


@dataclass(frozen=True)
class ServiceCost:
    """What a search cost that trained nothing.

    Attributes:
        trials: how many.
        epochs: of all trials together.
        opening: seconds to make a new store, not counted in the others.
        driver: seconds from the first suggestion to the last event.
        seconds: the same until every record is written.
        cpu: milliseconds of CPU a trial, by part.
        memory: largest growth of resident memory, in MB, after ``WARM`` trials had ended.
        errors: writes that the store refused.
    """

    trials: int
    epochs: int
    opening: float
    driver: float
    seconds: float
    cpu: dict[str, float]
    memory: float
    errors: int

    @property
    def milliseconds(self) -> float:
        """Wall time of a trial."""
        return 1000 * self.seconds / self.trials

    def described(self, goal: float | None) -> str:
        """A few lines of text, with the ``goal`` for the seconds if it has one."""
        cpu = ", ".join(f"{part} {ms:.2f}" for part, ms in self.cpu.items())
        return (
            f"{self.trials} trials, {self.epochs} epochs: {self.seconds:.1f} s"
            f"{f' (goal {goal:.0f})' if goal else ''}, {self.milliseconds:.1f} ms a trial\n"
            f"  the driver took {self.driver:.1f} s, the last records "
            f"{self.seconds - self.driver:.1f} s more; opening the store "
            f"{self.opening:.1f} s, not counted\n"
            f"  CPU a trial: {cpu} ms\n"
            f"  memory grew by {self.memory:.0f} MB (goal {MEMORY:.0f}); "
            f"{self.errors} writes refused"
        )


def run(trials: int, seed: int) -> ServiceCost:
    """Run a search and record it in a store of its own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space, clock = read_space(SPACES / f"{SPACE}.yaml"), Clock()
    budget = space.embedded.budget.model_copy(update={"trials": trials})
    job = Job(space.architecture, space.data, EMBEDDED, None, None, budget.epochs, seed, 1)
    sampler = Sampler(space, space.fixed_on(EMBEDDED, {}))
    searcher = TruthfulOptunaSearch(sampler, job, trials)
    board = Scoreboard(trials, budget.epochs, TRAIN_IMAGES)
    landscape = Landscape(space, read_curves())
    replay = Replay(searcher, budget, board, landscape, seed, clock=clock)
    with tempfile.TemporaryDirectory() as folder:
        return _record(replay, board, clock, job, budget, Path(folder))


def _record(
    replay: Replay, board: Scoreboard, clock: Clock, job: Job, budget: Budget, folder: Path
) -> ServiceCost:
    begun = time.perf_counter()
    ledger = _ledger(folder, job, budget)
    ledger.flush()
    opening = time.perf_counter() - begun
    with (
        Path(os.devnull).open("w") as nowhere,
        PlainLines(board, "replayed", Console(file=nowhere), {}) as lines,
        SummaryWriter(partial(_write_summary, board, folder, clock)) as writer,
    ):
        memory, start, used = _ResidentMemory(), time.perf_counter(), time.process_time()
        replay.run([ledger, writer, lines], memory.sample)
        driver = time.perf_counter() - start
        ledger.flush()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    memory.sample(board.finished)
    # The ledger's thread took what no other part did.
    spent = {**clock.seconds, "ledger": used - sum(clock.seconds.values())}
    cpu = {part: 1000 * each / board.requested for part, each in spent.items()}
    errors = len(ledger.close())
    taken = (opening, driver, seconds, cpu, memory.growth, errors)
    return ServiceCost(board.requested, board.epochs, *taken)


def _ledger(folder: Path, job: Job, budget: Budget) -> Ledger:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    place = Place(uri, f"convoy/{SPACE}-embedded", str(folder / "artifacts"), "replayed")
    shared = {
        "architecture": job.architecture,
        "data": job.data.set,
        "data_fingerprint": "0" * 64,
        "train_images": TRAIN_IMAGES,
        "val_images": 1000,
        "search_seed": job.seed,
    }
    return Ledger(place, {**shared, **budget.model_dump()}, shared, job)


def _write_summary(board: Scoreboard, folder: Path, clock: Clock) -> None:
    with clock.part("summary"):
        about = {"search": "replayed", "space": SPACE, "seed": 0, "data": {}, "resources": {}}
        summarise(board, "running", about, so_far(board)).write(folder)


class _ResidentMemory:
    """Resident memory, and its largest growth."""

    def __init__(self) -> None:
        self._process, self._first, self._max = psutil.Process(), 0, 0

    def sample(self, ended: int) -> None:
        """Read it, whenever another ``WARM`` trials have ended."""
        if ended % WARM:
            return
        used = self._process.memory_info().rss
        self._first = self._first or used
        self._max = max(self._max, used)

    @property
    def growth(self) -> float:
        """In MB."""
        return (self._max - self._first) / 1e6

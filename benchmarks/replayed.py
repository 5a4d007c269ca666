"""A search of gap5 on the embedded data with replayed trials, recorded like a real search."""

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import optuna
import psutil
from rich.console import Console

from benchmarks.simulation import SPACE, Landscape, PartClock, ReplayedSearch, read_curves
from search.driver.display import PlainLines
from search.proposals.searcher import OptunaSearcher
from search.records.about import About
from search.records.mlflow_runs import MlflowRuns
from search.records.mlflow_writer import MlflowWriter
from search.records.place import Place
from search.records.summary import SummaryWriter, summarise
from search.records.tracking import default_uri
from search.selection.choice import so_far
from search.selection.rule import Rule
from search.space.budget import Budget
from search.space.reader import read_space
from search.space.sampler import SpaceSampler
from search.trials.files import TrialFiles
from search.trials.search_board import SearchBoard
from search.trials.spec import Job
from trainables.data import EMBEDDED

MEMORY = 200.0  # MB, the goal
WARM = 100  # trials before growth of memory counts
TRAIN_IMAGES = 4500


@dataclass(frozen=True)
class ServiceCost:
    """The cost of a search that trained nothing.

    Attributes:
        trials: number of trials.
        epochs: number of epochs of all trials.
        opening: seconds to create a new store, not included in the others.
        driver: seconds from the first suggestion to the last event.
        seconds: seconds from the first suggestion until every record is written.
        cpu: CPU milliseconds per trial, by part.
        memory: largest growth of resident memory, in MB, after ``WARM`` trials had ended.
        errors: number of writes that the store refused.
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
        """Wall time per trial."""
        return 1000 * self.seconds / self.trials

    def described(self, goal: float | None) -> str:
        """A few lines of text, with the ``goal`` in seconds if there is one."""
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
    """Run a search and record it in a new store."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space, clock = read_space(SPACE), PartClock()
    budget = space.embedded.budget.model_copy(update={"trials": trials})
    job = Job(space.architecture, space.data, EMBEDDED, None, None, budget.epochs, seed, 1)
    sampler = SpaceSampler(space, space.fixed_on(EMBEDDED, {}))
    searcher = OptunaSearcher(sampler, job, trials)
    board = SearchBoard(trials, budget.epochs, TRAIN_IMAGES)
    landscape = Landscape(space, read_curves())
    with tempfile.TemporaryDirectory() as folder:
        files = TrialFiles(Path(folder))
        replay = ReplayedSearch(searcher, budget, board.trials, files, landscape, seed, clock=clock)
        return _record(replay, board, clock, job, budget, Path(folder))


def _record(
    replay: ReplayedSearch,
    board: SearchBoard,
    clock: PartClock,
    job: Job,
    budget: Budget,
    folder: Path,
) -> ServiceCost:
    begun = time.perf_counter()
    mlflow = MlflowWriter(MlflowRuns(_about(folder, job, budget), "replayed"), folder)
    mlflow.open()
    opening = time.perf_counter() - begun
    with (
        Path(os.devnull).open("w") as nowhere,
        PlainLines(board, Rule({}, {}), "replayed", Console(file=nowhere), {}) as lines,
        SummaryWriter(partial(_write_summary, board, folder, clock)) as writer,
    ):
        memory, start, used = _ResidentMemory(), time.perf_counter(), time.process_time()
        replay.run([mlflow, writer, lines], memory.sample)
        driver = time.perf_counter() - start
        mlflow.finish()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    memory.sample(board.trials.finished)
    # The rest of the CPU time is MLflow's thread.
    spent = {**clock.seconds, "mlflow": used - sum(clock.seconds.values())}
    trials = board.trials.requested
    cpu = {part: 1000 * each / trials for part, each in spent.items()}
    costs = (opening, driver, seconds, cpu, memory.growth, len(mlflow.close()))
    return ServiceCost(trials, board.epochs, *costs)


def _about(folder: Path, job: Job, budget: Budget) -> About:
    uri = default_uri(folder)
    place = Place(uri, f"convoy/{job.architecture}-embedded", str(folder / "artifacts"), "replayed")
    shared = {
        "architecture": job.architecture,
        "data": job.data.set,
        "data_fingerprint": "0" * 64,
        "train_images": TRAIN_IMAGES,
        "val_images": 1000,
        "search_seed": job.seed,
    }
    return About(place, {**shared, **budget.model_dump()}, shared, job, {})


def _write_summary(board: SearchBoard, folder: Path, clock: PartClock) -> None:
    with clock.part("summary"):
        about = {"search": "replayed", "space": SPACE.stem, "seed": 0, "data": {}, "resources": {}}
        summarise(board, "running", about, so_far(board)).write(folder)


class _ResidentMemory:
    """Resident memory, and its largest growth."""

    def __init__(self) -> None:
        self._process, self._first, self._max = psutil.Process(), 0, 0

    def sample(self, ended: int) -> None:
        """Read the memory whenever another ``WARM`` trials have ended."""
        if ended % WARM:
            return
        used = self._process.memory_info().rss
        self._first = self._first or used
        self._max = max(self._max, used)

    @property
    def growth(self) -> float:
        """The largest growth, in MB."""
        return (self._max - self._first) / 1e6

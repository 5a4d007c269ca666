"""Searches of gap5 on the embedded data whose trials are replayed: what they take, and find."""

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import psutil
from rich.console import Console

from benchmarks.curves import SPACE, read_curves
from benchmarks.simulation import Clock, Landscape, Replay
from search.choice import so_far
from search.events import Follower
from search.ledger import Ledger, Place
from search.scoreboard import Scoreboard, TrialRecord
from search.searcher import TruthfulOptunaSearch
from search.space import SPACES, Budget, Sampler, Space, read_space
from search.summary import SummaryWriter, summarise
from search.task import Job
from search.terminal import PlainLines
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED

WARM = 100  # trials that end before memory counts as grown
TRAIN_IMAGES = 4500


@dataclass(frozen=True)
class Measured:
    """What a search took.

    Attributes:
        trials: how many.
        epochs: of all trials together.
        opening: seconds to make a new store, not counted in the others.
        driver: seconds from the first suggestion to the last event.
        seconds: the same until every record is written.
        cpu: milliseconds of CPU a trial, by part.
        memory: MB by which resident memory grew at most after ``WARM`` trials had ended.
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


@dataclass(frozen=True)
class Found:
    """What a search found; accuracies are those of the settings, without the noise.

    Attributes:
        best: of the winner at its best epoch.
        late: mean of the last third of the trials, each at the end of its whole curve.
        seconds: CPU that the search took.
    """

    best: float
    late: float
    seconds: float


@dataclass(frozen=True)
class _Search:
    """The parts of a search that decide."""

    budget: Budget
    job: Job
    searcher: TruthfulOptunaSearch
    landscape: Landscape
    board: Scoreboard

    @classmethod
    def of(cls, space: Space, trials: int, seed: int, bounded: bool = True) -> "_Search":
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        budget = space.embedded.budget.model_copy(update={"trials": trials})
        job = Job(space.architecture, space.data, EMBEDDED, None, None, budget.epochs, seed, 1)
        sampler = Sampler(space, space.fixed_on(EMBEDDED, {}))
        unbounded = {} if bounded else {"most": None}
        searcher = TruthfulOptunaSearch(sampler, job, trials, **unbounded)
        board = Scoreboard(trials, budget.epochs, TRAIN_IMAGES)
        return cls(budget, job, searcher, Landscape(space, read_curves()), board)

    def replay(self, followers: list[Follower], clock: Clock) -> Replay:
        parts = (self.searcher, self.budget, self.board, followers, self.landscape)
        return Replay(*parts, seed=self.job.seed, clock=clock)

    def accuracies(self, record: TrialRecord) -> list[float]:
        """After every epoch, what the trial's setting reaches."""
        return self.landscape.curve(record.values).metrics["val_accuracy"]


def find(trials: int, seed: int, bounded: bool) -> Found:
    """Run a search that nothing records; ``bounded``: as the product bounds its history.

    It is told none of the space's guesses: one of them is the best recorded setting, and every
    search would find it in its second trial.
    """
    space, start = _space().model_copy(update={"guesses": []}), time.process_time()
    search = _Search.of(space, trials, seed, bounded)
    search.replay([], Clock()).run()
    best, seconds = search.board.best(), time.process_time() - start
    if best is None:
        raise UsageError(f"none of {trials} replayed trials ended as it should")
    late = [search.accuracies(r)[-1:] for r in search.board.records[-(trials // 3 + 1) :]]
    at_best = search.accuracies(best)[best.best_epoch - 1]
    return Found(at_best, float(np.mean(np.concatenate(late))), seconds)


def measure(trials: int, seed: int) -> Measured:
    """Run a search and record it in a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(_Search.of(_space(), trials, seed), Path(folder))


def _space() -> Space:
    return read_space(SPACES / f"{SPACE}.yaml")


def _measure(search: _Search, folder: Path) -> Measured:
    board, clock, begun = search.board, Clock(), time.perf_counter()
    ledger = _ledger(folder, search)
    ledger.flush()
    opening = time.perf_counter() - begun
    with (
        Path(os.devnull).open("w") as nowhere,
        PlainLines(board, "replayed", Console(file=nowhere), {}) as lines,
        SummaryWriter(partial(_write_summary, search, folder, clock)) as writer,
    ):
        replay = search.replay([ledger, writer, lines], clock)
        memory, start, used = _Memory(), time.perf_counter(), time.process_time()
        replay.run(memory.sample)
        driver = time.perf_counter() - start
        ledger.flush()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    memory.sample(board.finished)
    # The ledger's thread took what no other part did.
    spent = {**clock.seconds, "ledger": used - sum(clock.seconds.values())}
    cpu = {part: 1000 * each / board.requested for part, each in spent.items()}
    errors = len(ledger.close())
    taken = (opening, driver, seconds, cpu, memory.growth, errors)
    return Measured(board.requested, board.epochs, *taken)


def _ledger(folder: Path, search: _Search) -> Ledger:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    place = Place(uri, f"convoy/{SPACE}-embedded", str(folder / "artifacts"), "replayed")
    shared = {
        "architecture": search.job.architecture,
        "data": search.job.data.set,
        "data_fingerprint": "0" * 64,
        "train_images": TRAIN_IMAGES,
        "val_images": 1000,
        "search_seed": search.job.seed,
    }
    return Ledger(place, {**shared, **search.budget.model_dump()}, shared, search.job)


def _write_summary(search: _Search, folder: Path, clock: Clock) -> None:
    with clock.part("summary"):
        about = {"search": "replayed", "space": SPACE, "seed": search.job.seed}
        about |= {"data": {}, "resources": {}}
        summarise(search.board, "running", about, so_far(search.board)).write(folder)


class _Memory:
    """Resident memory, and by how much it grew at most."""

    def __init__(self) -> None:
        self._process, self._first, self._most = psutil.Process(), 0, 0

    def sample(self, ended: int) -> None:
        """Look, whenever another ``WARM`` trials have ended."""
        if ended % WARM:
            return
        used = self._process.memory_info().rss
        self._first = self._first or used
        self._most = max(self._most, used)

    @property
    def growth(self) -> float:
        """In MB."""
        return (self._most - self._first) / 1e6

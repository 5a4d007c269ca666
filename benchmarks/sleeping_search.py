"""Real searches of gap5 whose trials sleep instead of training, metered in their driver.

Everything else is as ``search.driver.engine`` has it: Ray's cluster, Tune's loop with its workers
reused, searcher, scheduler, events and their followers, the trials' files, MLflow.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import optuna
from ray import tune
from ray.tune import Callback
from ray.tune.experiment import Trial
from rich.console import Console

from benchmarks.curves import SPACE
from benchmarks.driver_costs import Sample
from benchmarks.sleeping_trial import sleep_and_report
from search.driver.concurrency import Concurrency
from search.driver.display import PlainLines
from search.driver.events import Events
from search.driver.gpu_retry import GpuRetry
from search.driver.resources import Resources
from search.driver.retention import KeepBest
from search.driver.stop import WorkerProcesses
from search.driver.trial_source import TrialSource
from search.proposals.scheduler import AshaScheduler
from search.proposals.searcher import OptunaSearcher
from search.records.about import Place
from search.records.mlflow_writer import MlflowWriter
from search.records.summary import SummaryWriter, summarise
from search.request.request import Limits
from search.selection.choice import so_far
from search.selection.rule import Rule
from search.space.budget import Budget
from search.space.reader import SPACES, read_space
from search.space.sampler import Sampler
from search.trials.board import TrialBoard
from search.trials.failure import RETRIES
from search.trials.files import METRICS, History, TrialFiles, folder_name
from search.trials.record import TrialRecord
from search.trials.spec import Job, Task
from trainables.data import EMBEDDED

# Trials that the searcher knows of when it begins: what TPE takes for a draw grows with them, up to
# 600, when the study is cut to 400.
PAST = 450
TRAIN_IMAGES = 4500


@dataclass(frozen=True)
class Load:
    """A search to meter.

    Attributes:
        workers: trials at once.
        epoch: seconds that a trial sleeps an epoch.
        budget: of the search; where the grace is as long as the budget, no trial is stopped early.
        flush: whether the ledger's backlog is written before and after what is measured, so that
            its CPU goes with what was measured. Meanwhile the trials wait.
    """

    workers: int
    epoch: float
    budget: Budget
    flush: bool = True


@dataclass(frozen=True)
class Metered:
    """What was measured once every worker had ended a trial, until the last trial began.

    Attributes:
        sample: what it took.
        idle: share of the workers' time, in [0, 1], not slept in epochs that were reported.
        ramp: seconds until every worker had begun, from the first one's start.
    """

    sample: Sample
    idle: float
    ramp: float


def run(load: Load, cpus: float, tracking_uri: str | None = None, seed: int = 0) -> Metered:
    """Run a search whose trials sleep, in a folder of its own; Ray must run.

    Args:
        load: what to run.
        cpus: of the cluster, which all trials share.
        tracking_uri: MLflow's; None for a new SQLite store.
        seed: of the searcher.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _Search(load, cpus, tracking_uri, seed, Path(folder)).run()


class _Search:
    """One search, with the parts that ``search.driver.engine`` gives it."""

    def __init__(
        self, load: Load, cpus: float, tracking_uri: str | None, seed: int, out: Path
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._load, self._cpus, self._out = load, cpus, out
        self._folder = out / "sleeping"
        self._folder.mkdir()
        space, budget = read_space(SPACES / f"{SPACE}.yaml"), load.budget
        self._sampler = Sampler(space, space.fixed_on(EMBEDDED, {}))
        data = space.data
        self._job = Job(space.architecture, data, EMBEDDED, None, None, budget.epochs, seed, cpus=1)
        self._board = TrialBoard(budget.trials, budget.epochs, TRAIN_IMAGES)
        self._uri = tracking_uri or f"sqlite:///{out / 'mlflow.db'}"

    def run(self) -> Metered:
        ledger = self._ledger()
        ledger.flush()
        load = self._load
        flush = ledger.flush if load.flush else _nothing
        meter = Meter(load, flush, self._gate)
        with (
            Path(os.devnull).open("w") as nowhere,
            PlainLines(self._board, "sleeping", Console(file=nowhere), {}) as lines,
            SummaryWriter(self._write_summary) as writer,
        ):
            self._tuner([ledger, writer, lines], meter).fit()
        errors = ledger.close()
        if errors:
            raise RuntimeError(f"MLflow refused records: {errors[0]}")
        return meter.metered()

    @property
    def _gate(self) -> Path:
        return self._out / "gate"

    def _tuner(self, listeners: list[Any], meter: "Meter") -> tune.Tuner:
        load, board, folder = self._load, self._board, self._folder
        searcher = OptunaSearcher(self._sampler, self._job, load.budget.trials)
        for history in self._past():
            searcher.recall(history)
        share = int(10_000 * self._cpus / load.workers) / 10_000  # Ray counts in these parts
        sleeping = tune.with_parameters(
            sleep_and_report,
            seconds=load.epoch,
            figures=dict.fromkeys(METRICS, 0.5),
            gate=str(self._gate),
        )
        together = Concurrency(Limits(), Resources(1, 0.0, load.workers))
        return tune.Tuner(
            tune.with_resources(sleeping, {"cpu": share}),
            tune_config=tune.TuneConfig(
                num_samples=load.budget.trials,
                search_alg=TrialSource(searcher, [], together),
                scheduler=AshaScheduler(load.budget),
                reuse_actors=True,
                trial_dirname_creator=_trial_folder,
            ),
            run_config=tune.RunConfig(
                name=folder.name,
                storage_path=str(folder.parent),
                callbacks=[
                    Events(board, listeners, TrialFiles(folder)),
                    KeepBest(folder, board, Rule({}, {})),
                    GpuRetry(),
                    WorkerProcesses(),
                    meter,
                ],
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                verbose=0,
            ),
        )

    def _past(self) -> Iterator[History]:
        """Trials drawn at random that ended after an epoch, for the searcher to go by."""
        chance = Random(self._job.seed)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(self._job.seed))
        for number in range(PAST):
            task = Task(self._job, number, self._sampler(study.ask()))
            first = TrialRecord(f"past-{number}", number, task.values, str(number))
            records = (first, first.after(1, {"val_accuracy": chance.random()}))
            yield History(self._folder, task, records, "pruned", "", 0.0)

    def _ledger(self) -> MlflowWriter:
        local = self._uri.startswith("sqlite:")
        artifacts = str(self._out / "artifacts") if local else None
        place = Place(self._uri, f"convoy/{SPACE}-sleeping", artifacts, self._out.name)
        shared = {
            "architecture": self._job.architecture,
            "data": self._job.data.set,
            "data_fingerprint": "0" * 64,
            "train_images": TRAIN_IMAGES,
            "val_images": 1000,
            "search_seed": self._job.seed,
        }
        params = {**shared, **self._load.budget.model_dump()}
        return MlflowWriter(place, params, shared, self._job, folder=self._folder)

    def _write_summary(self) -> None:
        about = {"search": "sleeping", "space": SPACE, "seed": self._job.seed}
        about |= {"data": {}, "resources": {}}
        summarise(self._board, "running", about, so_far(self._board)).write(self._folder)


def _nothing() -> None:
    """What there is to flush where nothing is."""


def _trial_folder(trial: Trial) -> str:
    return folder_name(trial.config["number"], trial.trial_id)


@dataclass
class _Reading:
    """The counters at a moment; seconds of their clocks."""

    trials: int = 0
    reports: int = 0
    steps: int = 0
    slept: float = 0.0
    wall: float = 0.0
    loop: float = 0.0
    ledger: float = 0.0
    process: float = 0.0

    def read(self) -> None:
        """Read the clocks."""
        self.wall, self.loop = time.perf_counter(), time.thread_time()
        self.process, self.ledger = time.process_time(), _ledger_time()


def _ledger_time() -> float:
    """Seconds of CPU of the thread that writes to MLflow."""
    (ledger,) = (thread for thread in threading.enumerate() if thread.name == "ledger")
    return time.clock_gettime(time.pthread_getcpuclockid(ledger.ident or 0))


@dataclass
class _Worker:
    """A worker's last epoch."""

    trial: str
    ended: float


class Meter(Callback):  # type: ignore[misc]
    """Tune's callback that meters the process in which it runs, on the thread of Tune's loop.

    It opens the gate for the trials once every worker has begun one. It measures from when as many
    trials have ended as there are workers, until the last one begins.

    Args:
        load: the search.
        flush: is called before the clocks are read.
        gate: the file for which trials wait.
    """

    def __init__(self, load: Load, flush: Callable[[], object], gate: Path) -> None:
        self._most, self._trials = load.workers, load.budget.trials
        self._epoch, self._flush, self._gate = load.epoch, flush, gate
        self._started, self._first, self._ramp = 0, 0.0, 0.0
        self._now = _Reading()
        self._begin: _Reading | None = None
        self._end: _Reading | None = None
        self._workers: dict[int, _Worker] = {}
        self._gaps: list[float] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Callback, ()  # Tune pickles its callbacks; this one is of this process alone

    def on_step_end(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Tune's loop made a step."""
        self._now.steps += 1

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial begins in its worker."""
        self._started += 1
        self._first = self._first or time.perf_counter()
        if self._started == self._most:
            self._ramp = time.perf_counter() - self._first
            self._gate.touch()
        if self._started == self._trials:
            self._end = self._reading()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any
    ) -> None:
        """A trial reported."""
        self._now.reports += 1
        self._now.slept += result["ended"] - result["begun"]
        before = self._workers.get(result["pid"])
        if before is not None and before.trial != trial.trial_id:
            self._gaps.append(result["begun"] - before.ended)
        self._workers[result["pid"]] = _Worker(trial.trial_id, result["ended"])

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial ended."""
        self._now.trials += 1
        if self._now.trials == self._most:
            self._begin = self._reading()
            self._gaps.clear()

    def metered(self) -> Metered:
        """What was measured, once the search has ended.

        Raises:
            RuntimeError: the search had too few trials for that.
        """
        if self._begin is None or self._end is None or self._end.wall < self._begin.wall:
            raise RuntimeError(f"{self._trials} trials are too few for {self._most} workers")
        first, last = self._begin, self._end
        seconds = last.wall - first.wall
        sample = Sample(
            self._epoch,
            last.trials - first.trials,
            last.reports - first.reports,
            seconds,
            last.loop - first.loop,
            last.ledger - first.ledger,
            last.process - first.process,
            last.steps - first.steps,
            median(self._gaps),
        )
        idle = 1 - (last.slept - first.slept) / (seconds * self._most)
        return Metered(sample, idle, self._ramp)

    def _reading(self) -> _Reading:
        """The counters now."""
        self._flush()
        self._now.read()
        return replace(self._now)

"""A search from start to end: ``run_search(request)``."""

import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback
from rich.console import Console

from search.cluster import allotted, cluster
from search.events import Events, Follower
from search.kept import write_kept
from search.ledger import Ledger, Place
from search.request import Request
from search.resources import Resources
from search.retention import KeepLatest
from search.scoreboard import Scoreboard, Status, TrialRecord
from search.summary import SearchStatus, Summary, SummaryWriter, summarise
from search.task import Task
from search.terminal import LiveTable, PlainLines
from search.workers import trainable
from trainables.errors import UsageError


@dataclass(frozen=True)
class Outcome:
    """A finished search.

    Attributes:
        summary: as written to ``summary.json``.
        records: every trial, in order.
        signal: the signal that interrupted it, or None.
        errors: what the tracking store refused.
        run_id: the search's own MLflow run, if it could be made.
    """

    summary: Summary
    records: list[TrialRecord]
    signal: int | None
    errors: list[str]
    run_id: str | None


def run_search(request: Request, console: Console) -> Outcome:
    """Run the whole search and record it; its outcome.

    Raises:
        trainables.errors.UsageError: more resources are asked of a trial than there are.
    """
    with cluster(request.limits.address), _stop_gently() as stopped:
        return _Search(request, allotted(request.limits), console).run(stopped)


class _Search:
    """One search under way: its board, its records and its files."""

    def __init__(self, request: Request, resources: Resources, console: Console) -> None:
        self._request, self._resources, self._console = request, resources, console
        self._job = request.job(resources.cpus)
        budget, dataset = request.budget, request.dataset
        self._board = Scoreboard(budget.trials, budget.epochs, len(dataset.train))
        self._about: dict[str, Any] = {
            "search": request.name,
            "space": request.space_name,
            "seed": request.seed,
            "data": dataset.described(),
            "resources": asdict(resources),
        }

    def run(self, stopped: dict[str, int]) -> Outcome:
        self._make_folder()
        ledger = self._open_ledger()
        try:
            self.write_summary("running")
            write = partial(self.write_summary, "running")
            with self._display() as display, SummaryWriter(write) as writer:
                followers: list[Follower] = [ledger, writer, display]
                results = self._tune(followers).fit()
        except BaseException:
            self._abandon(ledger)
            raise
        return self._finish(ledger, results, stopped.get("signal"))

    def _make_folder(self) -> None:
        folder = self._request.folder
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"--out: {folder} cannot be made ({error.strerror})") from error

    def _abandon(self, ledger: Ledger) -> None:
        """Close the records of a search that an error ends, so that no run is left RUNNING."""
        try:
            for record in self._board.interrupt():
                ledger.trial_ended(record)
            self.write_summary("interrupted")
        finally:
            ledger.end_search(*self._search_records(None), "FAILED")
            ledger.close()

    def _tune(self, followers: list[Follower]) -> tune.Tuner:
        request, resources = self._request, self._resources
        return tune.Tuner(
            trainable(self._job, resources),
            tune_config=tune.TuneConfig(
                num_samples=request.budget.trials,
                search_alg=request.proposals.searcher(self._job, request.budget),
                scheduler=request.proposals.scheduler(request.budget),
                max_concurrent_trials=resources.concurrency,
                reuse_actors=True,
                trial_dirname_creator=_trial_folder,
            ),
            run_config=tune.RunConfig(
                name=request.name,
                storage_path=str(request.out),
                callbacks=[JsonLoggerCallback(), Events(self._board, followers), KeepLatest()],
                failure_config=tune.FailureConfig(max_failures=0),
                verbose=0,
            ),
        )

    def _finish(self, ledger: Ledger, results: tune.ResultGrid, caught: int | None) -> Outcome:
        for record in self._board.interrupt():
            ledger.trial_ended(record)
        whole = self._board.finished >= self._request.budget.trials
        status: SearchStatus = "complete" if not self._board.count("failed") else "failed-trials"
        best = self._board.best()
        wins = best is not None and self._request.kind == "search"
        checkpoints = _checkpoints(results)
        weights = self._keep_winner(best, checkpoints, ledger) if wins and best else None
        if wins:
            self._keep_others(best, checkpoints, ledger)
        ledger.flush()
        run_id = None if best is None else ledger.run_id(best.trial_id)
        summary = self.write_summary(status if whole else "interrupted", run_id, weights)
        ledger.end_search(*self._search_records(best), "FINISHED" if whole else "KILLED")
        errors = ledger.close()
        stop = None if whole else caught or signal.SIGINT
        return Outcome(summary, self._board.records, stop, errors, ledger.parent)

    def _keep_winner(self, best: TrialRecord, checkpoints: dict[str, Path], ledger: Ledger) -> Path:
        weights = self._keep(best, checkpoints, self._request.folder / "best")
        ledger.keep(best, weights.parent)
        ledger.crown(best)
        return weights

    def _keep_others(
        self, best: TrialRecord | None, checkpoints: dict[str, Path], ledger: Ledger
    ) -> None:
        """Log the weights of every other completed trial, so that it can be analysed too."""
        with tempfile.TemporaryDirectory() as parent:
            for record in self._board.records:
                if record.status == "completed" and record != best:
                    weights = self._keep(record, checkpoints, Path(parent) / str(record.number))
                    ledger.keep(record, weights.parent)
            ledger.flush()

    def _keep(self, record: TrialRecord, checkpoints: dict[str, Path], folder: Path) -> Path:
        return write_kept(
            folder,
            record,
            Task(self._job, record.number, record.values),
            checkpoints[record.trial_id],
            self._request.dataset,
            self._request.space_file,
        )

    def _search_records(self, best: TrialRecord | None) -> tuple[dict[str, float], dict[str, str]]:
        baseline, board = self._board.baseline(), self._board
        metrics: dict[str, float] = {"epochs": board.epochs, "wall_seconds": board.seconds}
        if baseline is not None and baseline.best_epoch and baseline.status != "failed":
            metrics["baseline_val_accuracy"] = baseline.best_accuracy
        if best is not None:
            metrics |= {"best_val_accuracy": best.best_accuracy, "best_epoch": best.best_epoch}
        statuses: tuple[Status, ...] = ("completed", "pruned", "failed", "interrupted")
        tags = {f"convoy.{name}": str(board.count(name)) for name in statuses}
        return metrics, {**tags, "convoy.status": self._status}

    def write_summary(
        self, status: SearchStatus, run_id: str | None = None, weights: Path | None = None
    ) -> Summary:
        """Write ``summary.json`` as the search stands."""
        self._status = status
        summary = summarise(self._board, status, self._about, run_id, weights)
        summary.write(self._request.folder)
        return summary

    def _open_ledger(self) -> Ledger:
        request = self._request
        local = request.tracking_uri.startswith("sqlite:")
        artifacts = request.out / "artifacts" if local else None
        place = Place(
            request.tracking_uri,
            request.experiment,
            artifacts,
            request.name,
            request.kind,
            request.group,
        )
        budget = request.budget.model_dump()
        if request.kind == "ablation":  # which stops nothing early
            budget = {"trials": request.budget.trials, "epochs": request.budget.epochs}
        shared = {
            "architecture": request.architecture,
            "data": request.dataset.name,
            "data_fingerprint": request.dataset.fingerprint,
            "train_images": len(request.dataset.train),
            "val_images": len(request.dataset.val),
            "search_seed": request.seed,
        }
        ledger = Ledger(
            place,
            {**shared, **budget, **asdict(self._resources), **request.about},
            shared,
            self._job,
        )
        ledger.flush()
        if errors := ledger.errors:
            request.folder.rmdir()
            raise UsageError(f"--tracking-uri {request.tracking_uri}: {errors[0][:300]}")
        return ledger

    @contextmanager
    def _display(self) -> Iterator[Follower]:
        request = self._request
        title = (
            f"{request.name}: {request.architecture} on {request.dataset.name}, "
            f"{request.budget.trials} trials of up to {request.budget.epochs} epochs, "
            f"{self._resources.concurrency} at once"
        )
        console = Console(quiet=True) if request.quiet else self._console
        kind = LiveTable if console.is_terminal and not request.quiet else PlainLines
        with kind(self._board, title, console) as display:
            yield display


def _checkpoints(results: tune.ResultGrid) -> dict[str, Path]:
    """The latest checkpoint of every trial that wrote one."""
    return {
        result.metrics["trial_id"]: Path(result.checkpoint.path)
        for result in results
        if result.checkpoint is not None and result.metrics
    }


def _trial_folder(trial: Trial) -> str:
    return f"trial-{trial.config['number']:04d}-{trial.trial_id}"


@contextmanager
def _stop_gently() -> Iterator[dict[str, int]]:
    """Have SIGTERM stop the search as SIGINT does; the signal that came is under ``signal``.

    Tune ends its loop on SIGINT, lets running trials go and returns. Ray aborts the process on
    SIGTERM, so that is passed on as SIGINT.
    """
    caught: dict[str, int] = {}

    def pass_on(number: int, _: object) -> None:
        caught["signal"] = number
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGTERM, before)

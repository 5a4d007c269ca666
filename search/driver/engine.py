"""A search from start to end, or from where it was interrupted: ``run_search(request)``."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console

from search.driver.concurrency import Concurrency
from search.driver.display import LiveTable, PlainLines
from search.driver.events import Events, TrialListener
from search.driver.gpu_retry import GpuRetry
from search.driver.lock import locked
from search.driver.preflight import check_nodes, check_room
from search.driver.ray_cluster import allotted, cluster
from search.driver.resources import Resources
from search.driver.retention import KeepBest
from search.driver.stop import Stop, stopping_gently
from search.driver.trial_source import TrialSource
from search.driver.tune_trainable import trainable
from search.proposals.finals import WithFinals
from search.records.about import About, Place
from search.records.mlflow_writer import MlflowWriter
from search.records.search_file import SearchFile, check_unchanged, new_id
from search.records.search_records import SearchRecords, totals
from search.records.summary import (
    SearchStatus,
    Summary,
    SummaryWriter,
    read_summary,
    status_of,
    summarise,
)
from search.request.request import Request
from search.selection.choice import Selection, choose, so_far
from search.trials.board import TrialBoard
from search.trials.failure import RETRIES
from search.trials.files import History, TrialFiles, folder_name, mend, read_histories
from search.trials.record import TrialRecord
from trainables.errors import UsageError


@dataclass(frozen=True)
class Outcome:
    """A finished search.

    Attributes:
        summary: as written to ``summary.json``.
        choice: the winner, and how it was chosen.
        records: every trial, in order.
        stop: what ended it early, or None.
        errors: what the tracking store refused.
        run_id: the search's own MLflow run, if it could be made.
    """

    summary: Summary
    choice: Selection
    records: list[TrialRecord]
    stop: Stop | None
    errors: list[str]
    run_id: str | None


def run_search(request: Request, console: Console) -> Outcome:
    """Run the whole search, or what is left of it, and record it; its outcome.

    Raises:
        trainables.errors.UsageError: more resources are asked of a trial than there are, the search
            is running already, or what it was asked to do has changed since it began.
    """
    with cluster(request.limits.address), stopping_gently() as stop:
        resources = allotted(request.limits)
        check_room(request, resources)
        if request.limits.address is not None:
            check_nodes(request)
        with _folder(request) as written:
            return _SearchRun(request, written.search_id, resources, console, stop).run()


@contextmanager
def _folder(request: Request) -> Iterator[SearchFile]:
    """The search's folder, made if need be, for this process alone."""
    folder = request.folder
    if not (request.resumed and folder.exists()):
        SearchFile(request.command, request.flags, request.identity, new_id()).claim(
            folder, request.space_file
        )
    with locked(folder):
        written = check_unchanged(folder, request.identity)
        try:
            yield written
        except UsageError:
            if not request.resumed and not any(folder.glob("trial-*")):  # nothing was begun
                shutil.rmtree(folder)
            raise


class _SearchRun:
    """One search under way: its board, its records and its files."""

    def __init__(
        self,
        request: Request,
        search_id: str,
        resources: Resources,
        console: Console,
        stop: Stop,
    ) -> None:
        self._request, self._resources, self._console = request, resources, console
        self._search_id, self._stop = search_id, stop
        self._job = request.job(resources.cpus)
        siblings = tuple(request.out / name for name in request.siblings)
        self._concurrency = Concurrency(request.limits, resources, siblings)
        budget, dataset, folder = request.budget, request.dataset, request.folder
        self._files, self._histories = TrialFiles(folder), read_histories(folder)
        before = read_summary(folder).get("wall_seconds", 0.0)
        finals = (budget.finalists, budget.finalist_seeds)
        self._board = TrialBoard(budget.trials, budget.epochs, len(dataset.train), before, *finals)
        self._about: dict[str, Any] = {
            "search": request.name,
            "space": request.space_name,
            "seed": request.seed,
            "data": dataset.described(),
            "resources": asdict(resources),
        }

    def run(self) -> Outcome:
        about = _about(self._request, self._resources)
        about.write(self._request.folder)
        records = SearchRecords(self._request.folder, about, self._search_id)
        try:
            self._check_opened(records.ledger)
            self._search(records.ledger)
        except BaseException:
            self._abandon(records.ledger)
            raise
        _remove_snapshots(self._request.folder)
        return self._finish(records)

    def _check_opened(self, ledger: MlflowWriter) -> None:
        ledger.flush()
        if ledger.errors:
            uri = self._request.tracking_uri
            raise UsageError(f"--tracking-uri {uri}: {ledger.errors[0][:300]}")

    def _search(self, ledger: MlflowWriter) -> None:
        request = self._request
        proposer = request.proposals.searcher(self._job, request.budget)
        searcher = WithFinals(proposer, self._board, request.rule, self._job, request.budget)
        scheduler = request.proposals.scheduler(request.budget)
        left = self._recall(searcher.recall, scheduler.recall(self._histories))
        ledger.recall(self._histories)
        self.write_summary("running")
        if self._board.is_whole:
            return
        trials = TrialSource(searcher, left, self._concurrency)
        write = partial(self.write_summary, "running")
        with self._display() as display, SummaryWriter(write) as writer:
            self._tune(trials, scheduler, [ledger, writer, display]).fit()

    def _recall(self, learn: Callable[[History], object], stopped: set[str]) -> list[History]:
        """Take up the trials that there are; those that are to go on.

        A trial that the driver did not come to end, though it was trained to its end or ASHA had
        stopped it, ends now.
        """
        begun = {history.folder for history in self._histories}
        for folder in set(self._request.folder.glob("trial-*-*")) - begun:
            shutil.rmtree(folder)  # its number is given again
        self._histories = [self._ended(each, stopped) for each in self._histories]
        for history in self._histories:
            learn(history)
            self._board.recall(history.record)
        left = [history for history in self._histories if not history.over]
        for history in left:
            mend(history)
        return [replace(each, task=replace(each.task, job=self._job)) for each in left]

    def _ended(self, history: History, stopped: set[str]) -> History:
        if history.over:
            return history
        if history.trial_id not in stopped:
            return replace(history, status="interrupted")
        whole = history.epochs >= self._request.budget.epochs
        ended = replace(history, status="completed" if whole else "pruned")
        self._files.ended(ended.record)
        return ended

    def _abandon(self, ledger: MlflowWriter) -> None:
        """Close the records of a search that an error ends, so that no run is left RUNNING."""
        try:
            self._interrupt(ledger)
            self.write_summary("interrupted")
        finally:
            choice = choose(self._board, self._request.rule)
            metrics, tags = totals(self._board, "interrupted", choice)
            ledger.end_search(metrics, tags, "FAILED", self._board.last_event)
            ledger.close()

    def _interrupt(self, ledger: MlflowWriter) -> None:
        for record in self._board.interrupt():
            with suppress(OSError):  # a full disk; it is interrupted without being told so
                self._files.ended(record)
            ledger.trial_ended(record)

    def _tune(
        self, trials: TrialSource, scheduler: Any, listeners: list[TrialListener]
    ) -> tune.Tuner:
        request, resources = self._request, self._resources
        events = Events(self._board, listeners, self._files, self._stop.halt)
        return tune.Tuner(
            trainable(self._job, resources),
            tune_config=tune.TuneConfig(
                num_samples=request.budget.trials
                - self._board.finished
                + request.budget.finals
                - self._board.finals_ended,
                search_alg=trials,
                scheduler=scheduler,
                reuse_actors=True,
                trial_dirname_creator=_trial_folder,
            ),
            run_config=tune.RunConfig(
                name=request.name,
                storage_path=str(request.out),
                callbacks=[
                    events,
                    KeepBest(request.folder, self._board, request.rule),
                    GpuRetry(),
                    self._stop.workers,
                ],
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                verbose=0,
            ),
        )

    def _finish(self, records: SearchRecords) -> Outcome:
        self._interrupt(records.ledger)
        status = status_of(self._board)
        whole = status != "interrupted"
        closed = records.close(self._board, status)
        # Last of all: a summary that says that it is whole means that the records are, too.
        summary = self._summarise(status, closed.choice, closed.run_id, closed.weights)
        errors = [*closed.errors, *_written(summary, self._request.folder)]
        if not whole and self._stop.signal is None and not self._stop.reason:
            self._stop.signal = signal.SIGINT
        stop = None if whole else self._stop
        run_id = records.ledger.parent
        return Outcome(summary, closed.choice, self._board.records, stop, errors, run_id)

    def write_summary(self, status: SearchStatus) -> None:
        """Write ``summary.json`` as the search stands."""
        self._summarise(status, so_far(self._board)).write(self._request.folder)

    def _summarise(
        self,
        status: SearchStatus,
        choice: Selection,
        run_id: str | None = None,
        weights: Path | None = None,
    ) -> Summary:
        return summarise(self._board, status, self._about, choice, run_id, weights)

    @contextmanager
    def _display(self) -> Iterator[TrialListener]:
        request = self._request
        title = (
            f"{request.name}: {request.architecture} on {request.dataset.name}, "
            f"{request.budget.trials} trials of up to {request.budget.epochs} epochs, "
            f"{self._resources.concurrency} at once"
        )
        console = Console(quiet=True, force_jupyter=False) if request.quiet else self._console
        kind = LiveTable if console.is_terminal and not request.quiet else PlainLines
        with kind(self._board, title, console, request.proposals.first()) as display:
            yield display


def _about(request: Request, resources: Resources) -> About:
    local = request.tracking_uri.startswith("sqlite:")
    place = Place(
        request.tracking_uri,
        request.experiment,
        str(request.out / "artifacts") if local else None,
        request.name,
        request.kind,
        request.group,
    )
    budget = request.budget.model_dump()
    if request.kind == "ablation":  # which stops nothing early
        budget = {"trials": request.budget.trials, "epochs": request.budget.epochs}
    shared = {
        "space": request.space_name,
        "architecture": request.architecture,
        "data": request.dataset.name,
        "data_fingerprint": request.dataset.fingerprint,
        "train_images": len(request.dataset.train),
        "val_images": len(request.dataset.val),
        "search_seed": request.seed,
    }
    params = {**shared, **budget, **asdict(resources), **request.about}
    job, data, rule = request.job(resources.cpus), request.dataset.described(), request.rule
    bounds: dict[str, Any] = {
        name: each.model_dump(exclude_none=True) for name, each in rule.constraints.items()
    }
    if bounds:
        params["constraints"] = json.dumps(bounds)
    return About(place, params, shared, job, data, dict(bounds), rule.images)


def _written(summary: Summary, folder: Path) -> list[str]:
    """Write a search's last summary; what went wrong."""
    try:
        summary.write(folder)
    except OSError as error:
        return [f"summary.json cannot be written to {folder} ({error.strerror})"]
    return []


def _remove_snapshots(folder: Path) -> None:
    """Remove Tune's snapshots of the search: nothing reads them, and a full disk cuts them off."""
    for path in (*folder.glob("experiment_state-*.json"), *folder.glob("tuner.pkl")):
        with suppress(OSError):
            path.unlink()


def _trial_folder(trial: Trial) -> str:
    return folder_name(trial.config["number"], trial.trial_id)

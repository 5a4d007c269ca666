"""A search from start to end, or from where it was interrupted: ``run_search(request)``."""

import json
import shutil
import signal
from collections.abc import Iterator
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
from search.driver.stop_request import forget_requests, heeding_requests
from search.driver.trial_source import TrialSource
from search.driver.tune_trainable import trainable
from search.proposals.finals import FinalsSearch
from search.proposals.protocols import Proposer, Stopper, milestones
from search.proposals.schedulers.none import TrainToTheEnd
from search.records.about import About
from search.records.mlflow_writer import MlflowWriter
from search.records.ownership import owned
from search.records.place import Place
from search.records.search_file import SearchFile, check_unchanged
from search.records.search_records import SearchRecords
from search.records.summary import (
    SearchStatus,
    Summary,
    SummaryWriter,
    read_summary,
    status_of,
    summarise,
)
from search.request.request import Request
from search.selection.choice import Selection, so_far
from search.selection.race import is_whole
from search.trials.board import TrialBoard
from search.trials.failure import RETRIES
from search.trials.files import (
    TrialFiles,
    TrialHistory,
    folder_name,
    read_histories,
    trial_folder,
    truncate,
)
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted


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
        UsageError: more resources are asked of a trial than there are, the search
            is running already, or what it was asked to do has changed since it began.
    """
    with cluster(request.limits), stopping_gently() as stop:
        resources = allotted(request.limits)
        check_room(request, resources)
        if request.limits.address is not None:
            check_nodes(request)
        with _folder(request) as search_id:
            return _SearchRun(request, search_id, resources, console, stop).run()


@contextmanager
def _folder(request: Request) -> Iterator[str]:
    """Lock the search's folder, made if need be; the search's id."""
    folder = request.folder
    if not (request.resumed and folder.exists()):
        search_file = SearchFile(request.command, request.flags, request.identity)
        search_file.claim(folder, request.space_file)
    with locked(folder):
        forget_requests(folder)
        check_unchanged(folder, request.identity)
        search_id = owned(folder, request.tracking_uri).search_id
        try:
            yield search_id
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
        methods = request.proposals.params(budget)
        self._files = TrialFiles(folder)
        self._board = SearchBoard(
            budget.trials,
            budget.epochs,
            len(dataset.train),
            budget.finalists,
            budget.finalist_seeds,
            earlier_seconds=read_summary(folder).get("wall_seconds", 0.0),
        )
        self._about: dict[str, Any] = {
            "search": request.name,
            "space": request.space_name,
            "seed": request.seed,
            "data": dataset.described(),
            "resources": asdict(resources),
            "unmeasured": list(request.unmeasured),
            "metric": request.metric,
            **{key: methods[key] for key in ("sampler", "scheduler") if key in methods},
        }

    def run(self) -> Outcome:
        about = _about(self._request, self._resources)
        about.write(self._request.folder)
        records = SearchRecords(self._request.folder, about, self._search_id)
        try:
            with heeding_requests(self._request.folder, self._stop):
                self._search(records.writer)
        except BaseException:
            self._abandon(records)
            raise
        _remove_snapshots(self._request.folder)
        return self._finish(records)

    def _search(self, writer: MlflowWriter) -> None:
        """Run the trials that are left, then the finals that are left."""
        request, budget = self._request, self._request.budget
        histories = read_histories(request.folder)
        _remove_unbegun(request.folder, histories)
        own = [history for history in histories if history.record.spec.repeats is None]
        repeated = [history for history in histories if history.record.spec.repeats is not None]
        searcher = request.proposals.searcher(self._job, budget)
        scheduler = request.proposals.scheduler(self._job, budget)
        unfinished = self._recall(own, searcher, scheduler)
        to_end = TrainToTheEnd(budget.epochs)
        unfinished_finals = self._recall(repeated, None, to_end)
        writer.recall(self._board.records)
        self.write_summary("running")
        if is_whole(self._board, request.rule):
            return
        write = partial(self.write_summary, "running")
        with self._display() as display, SummaryWriter(write) as summary:
            listeners: list[TrialListener] = [writer, summary, display]
            if not self._board.trials.is_whole:
                self._tune(self._board.trials, searcher, scheduler, unfinished, listeners)
            if not self._board.trials.is_whole or is_whole(self._board, request.rule):
                return  # it was interrupted, or it has no finals
            if not self._stop.rearmed():
                return
            race = FinalsSearch(self._board, request.rule, self._job)
            self._tune(self._board.finals, race, to_end, unfinished_finals, listeners)

    def _recall(
        self, histories: list[TrialHistory], searcher: Proposer | None, scheduler: Stopper
    ) -> list[TrialRecord]:
        """Take up the trials that have begun; those that are to be resumed.

        A trial that the driver did not come to end, though it was trained to its end or the
        scheduler had stopped it, ends now.
        """
        stopped = scheduler.recall(histories)
        unfinished = []
        for history in histories:
            ended = self._ended(history, stopped)
            if searcher is not None:
                searcher.recall(ended)
            record = replace(ended.record, spec=replace(ended.record.spec, job=self._job))
            self._board.board_of(record.spec).put(record)
            if not record.status.is_final:
                truncate(self._request.folder, record)
                unfinished.append(record)
        return unfinished

    def _ended(self, history: TrialHistory, stopped: set[str]) -> TrialHistory:
        record = history.record
        if record.status.is_final:
            return history
        if record.trial_id not in stopped:
            return replace(history, record=replace(record, status=Status.INTERRUPTED))
        ended = record.ended(self._request.budget.epochs, record.at)
        self._files.changed(ended)
        return replace(history, record=ended)

    def _abandon(self, records: SearchRecords) -> None:
        """Close the records of a search that an error ends, so that no run is left RUNNING."""
        try:
            self._interrupt()
            self.write_summary("interrupted")
        finally:
            records.abandon(self._board)

    def _interrupt(self) -> None:
        for record in self._board.interrupt():
            with suppress(OSError):  # a full disk; its file still says that it runs
                self._files.changed(record)

    def _tune(
        self,
        board: TrialBoard,
        searcher: Proposer,
        scheduler: Stopper,
        interrupted: list[TrialRecord],
        listeners: list[TrialListener],
    ) -> None:
        """Have Tune run what is left of the trials of ``board``."""
        request, resources = self._request, self._resources
        source = TrialSource(searcher, interrupted, self._concurrency, request.folder)
        tune.Tuner(
            trainable(self._job, resources, milestones(scheduler, request.budget.epochs)),
            tune_config=tune.TuneConfig(
                num_samples=board.requested - board.finished,
                search_alg=source,
                scheduler=scheduler,
                reuse_actors=True,
                trial_dirname_creator=_trial_folder,
            ),
            run_config=tune.RunConfig(
                name=request.name,
                storage_path=str(request.out),
                callbacks=[
                    Events(board, listeners, self._files, self._stop.halt),
                    KeepBest(request.folder, self._board, request.rule),
                    GpuRetry(),
                    self._stop.workers,
                ],
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                verbose=0,
            ),
        ).fit()

    def _finish(self, records: SearchRecords) -> Outcome:
        self._interrupt()
        status = status_of(self._board, self._request.rule)
        whole = status != "interrupted"
        closed = records.close(self._board, status)
        # Last of all: a summary that says that it is whole means that the records are, too.
        about, choice, run_id = self._about, closed.choice, closed.run_id
        summary = summarise(self._board, status, about, choice, run_id, closed.weights)
        errors = [*closed.errors, *_write_last(summary, self._request.folder)]
        if not whole and self._stop.signal is None and not self._stop.reason:
            self._stop.signal = signal.SIGINT
        stop = None if whole else self._stop
        trials, own_run = self._board.trials.records, records.writer.runs.parent or None
        return Outcome(summary, choice, trials, stop, errors, own_run)

    def write_summary(self, status: SearchStatus) -> None:
        """Write ``summary.json`` as the search stands."""
        summary = summarise(self._board, status, self._about, so_far(self._board))
        summary.write(self._request.folder)

    @contextmanager
    def _display(self) -> Iterator[TrialListener]:
        request = self._request
        title = (
            f"{request.name}: {request.architecture} on {request.dataset.name}, "
            f"{counted(request.budget.trials, 'trial')} of up to "
            f"{counted(request.budget.epochs, 'epoch')}, "
            f"{self._resources.concurrency} at once"
        )
        console = Console(quiet=True, force_jupyter=False) if request.quiet else self._console
        kind = LiveTable if console.is_terminal and not request.quiet else PlainLines
        if remark := request.proposals.remark(request.budget):
            console.print(f"{request.name}: {remark}", soft_wrap=True)
        usual = request.proposals.first()
        with kind(self._board, request.rule, title, console, usual) as display:
            yield display


def _remove_unbegun(folder: Path, histories: list[TrialHistory]) -> None:
    """Remove the folders of trials that had not begun: their numbers are used again."""
    begun = {trial_folder(folder, history.record) for history in histories}
    for trial in folder.glob("trial-*-*"):
        if trial not in begun:
            shutil.rmtree(trial)


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
    counts = {"trials", "epochs"}
    if request.kind == "search":
        counts |= {"finalists", "finalist_seeds"}
    budget = request.budget.model_dump(include=counts)
    shared = {
        "space": request.space_name,
        "architecture": request.architecture,
        "data": request.dataset.name,
        "data_fingerprint": request.dataset.fingerprint,
        "train_images": len(request.dataset.train),
        "val_images": len(request.dataset.val),
        "search_seed": request.seed,
        "metric": request.metric,
    }
    methods = request.proposals.params(request.budget)
    params = {**shared, **budget, **methods, **asdict(resources), **request.about}
    job, data, rule = request.job(resources.cpus), request.dataset.described(), request.rule
    bounds: dict[str, Any] = {
        name: limit.model_dump(exclude_none=True) for name, limit in rule.constraints.items()
    }
    if bounds:
        params["constraints"] = json.dumps(bounds)
    return About(place, params, shared, job, data, dict(bounds), rule.images)


def _write_last(summary: Summary, folder: Path) -> list[str]:
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

"""``run_search(request)``: runs a search from its start, or from where it was interrupted."""

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
from search.driver.node_losses import NodeLosses
from search.driver.preflight import check_nodes, check_room
from search.driver.ray_cluster import allotted, cluster
from search.driver.resetting_workers import losing_resetting_workers
from search.driver.resources import Resources
from search.driver.retention import KeepBest
from search.driver.starting_workers import sparing_starting_workers
from search.driver.stop import Stop, stopping_gently
from search.driver.stop_request import forget_requests, heeding_requests
from search.driver.terminator import Terminator
from search.driver.trial_source import TrialSource
from search.driver.tune_trainable import trainable
from search.proposals.finals import FinalsSearch
from search.proposals.protocols import Proposer, Stopper, milestones
from search.proposals.schedulers.none import TrainToTheEnd
from search.records.about import About
from search.records.mlflow_writer import MlflowWriter
from search.records.ownership import owned
from search.records.place import Place
from search.records.search_file import SearchFile
from search.records.search_records import SearchRecords
from search.records.summary import (
    SearchStatus,
    Summary,
    SummaryWriter,
    close,
    read_summary,
    status_of,
    summarise,
)
from search.request.growth import grown, with_flags
from search.request.request import Request
from search.selection.choice import Selection, so_far
from search.selection.patience import Patience
from search.selection.race import is_whole, race_of
from search.trials.board import TrialBoard
from search.trials.checkpoints import checkpoints
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
from search.trials.text import duration
from trainables.best_epoch import judged_by
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted

COUNTS = ("trials", "epochs", "finalists", "finalist_seeds")  # the numbers of a recorded budget


@dataclass(frozen=True)
class Outcome:
    """A finished search.

    Attributes:
        summary: the content of ``summary.json``.
        choice: the winner, and how it was chosen.
        records: all trials in order.
        stop: the reason why the search ended early; None if it did not.
        errors: records that the tracking store refused.
        run_id: the search's own MLflow run; None if it could not be made.
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
        UsageError: a trial needs more resources than any machine has, the search is already
            running, or its request has changed since it began.
    """
    with cluster(request.limits), stopping_gently() as stop:
        resources = allotted(request.limits)
        check_room(request, resources)
        if request.limits.address is not None:
            check_nodes(request)
        with _folder(request) as search_file:
            return _SearchRun(request, search_file, resources, console, stop).run()


@contextmanager
def _folder(request: Request) -> Iterator[SearchFile]:
    """Make the search's folder if it is missing, and lock it; the search's present request."""
    folder = request.folder
    if not (request.resumed and folder.exists()):
        search_file = SearchFile(request.command, request.flags, request.identity)
        search_file.claim(folder, request.space_file)
    with locked(folder):
        forget_requests(folder)
        if (larger := grown(request)) is not None:
            larger.write(folder)
        search_file = owned(folder, request.tracking_uri)
        with_flags(search_file, request).write(folder)
        try:
            yield search_file
        except UsageError:
            if not request.resumed and not any(folder.glob("trial-*")):  # no trial has begun
                shutil.rmtree(folder)
            raise


class _SearchRun:
    """A running search: its board, its records and its files."""

    def __init__(
        self,
        request: Request,
        search_file: SearchFile,
        resources: Resources,
        console: Console,
        stop: Stop,
    ) -> None:
        self._request, self._resources, self._console = request, resources, console
        self._search_id, self._stop = search_file.search_id, stop
        self._job = request.job(resources.cpus)
        siblings = tuple(request.out / name for name in request.siblings)
        self._concurrency = Concurrency(request.limits, resources, siblings)
        budget, dataset, folder = request.budget, request.dataset, request.folder
        methods = request.proposals.params(budget)
        self._files = TrialFiles(folder)
        summary, termination = read_summary(folder), request.termination
        self._board = SearchBoard(
            budget.trials,
            budget.epochs,
            len(dataset.train),
            budget.finalists,
            budget.finalist_seeds,
            earlier_seconds=summary.get("wall_seconds", 0.0) + termination.head_start,
        )
        self._board.clock.limit = termination.seconds
        self._goes_on = termination.lets_go_on(summary)
        if not self._goes_on:
            close(self._board, summary)
        self._terminator = Terminator(
            termination,
            self._board,
            request.rule,
            self._patience(),
            self._concurrency.now,
            stop.workers.end_soon,
        )
        budgets = [*search_file.earlier, budget.model_dump()]
        self._budgets = [{key: each[key] for key in COUNTS if key in each} for each in budgets]
        self._about: dict[str, Any] = {
            "search": request.name,
            "space": request.space_name,
            "seed": request.seed,
            "data": dataset.described(),
            "resources": asdict(resources),
            "unmeasured": list(request.unmeasured),
            "metric": request.metric,
            "budgets": self._budgets,
            **{key: methods[key] for key in ("sampler", "scheduler") if key in methods},
        }

    def run(self) -> Outcome:
        about = replace(_about(self._request, self._resources), budgets=self._budgets)
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

    def _patience(self) -> Patience | None:
        patience, rule = self._request.termination.patience, self._request.rule
        if patience is None:
            return None
        return Patience(patience, rule, self._request.images)

    def _search(self, writer: MlflowWriter) -> None:
        """Run the remaining trials, then the remaining finals."""
        request, budget = self._request, self._request.budget
        histories = read_histories(request.folder)
        _remove_unbegun(request.folder, histories)
        own = [history for history in histories if history.record.spec.repeats is None]
        repeated = [history for history in histories if history.record.spec.repeats is not None]
        searcher = request.proposals.searcher(self._job, budget)
        scheduler = request.proposals.scheduler(self._job, budget)
        unfinished = self._recall(own, searcher, scheduler)
        to_end = TrainToTheEnd(budget.epochs)
        unfinished_finals = self._recall(repeated, searcher, to_end)
        writer.recall(self._board.records)
        self._terminator.recall(self._board.records)
        if self._board.trials.closed and self._terminator.time_is_up:
            self._end_cut_off([writer])
        self.write_summary("running")
        if is_whole(self._board, request.rule):
            return
        write = partial(self.write_summary, "running")
        with self._display() as display, SummaryWriter(write) as summary:
            listeners: list[TrialListener] = [writer, summary, display, self._terminator]
            trials = self._board.trials
            if not trials.is_whole:
                left = trials.requested - trials.finished
                self._tune(trials, left, searcher, scheduler, unfinished, listeners)
            if trials.closed and self._terminator.time_is_up:
                self._end_cut_off(listeners)
            if not self._board.trials.is_whole or is_whole(self._board, request.rule):
                return  # it was interrupted, or it has no finals
            if not self._stop.rearmed():
                return
            self._stop.workers.forget()
            self._terminator.begin_finals()
            if is_whole(self._board, request.rule):
                return
            race = race_of(self._board, request.rule)
            left = len(race.contenders) * self._board.seeds - race.ended
            finals = FinalsSearch(self._board, request.rule, self._job)
            again = [each for each in unfinished_finals if each in race.runs]
            self._tune(self._board.finals, left, finals, to_end, again, listeners)

    def _recall(
        self, histories: list[TrialHistory], searcher: Proposer, scheduler: Stopper
    ) -> list[TrialRecord]:
        """Load the trials that have begun; the ones to resume.

        If the driver died before it ended a trial that was trained to its last epoch or that the
        scheduler had stopped, the trial ends now.
        """
        stopped = scheduler.recall(histories)
        unfinished = []
        for history in histories:
            ended = self._ended(history, stopped)
            searcher.recall(ended)
            record = replace(ended.record, spec=replace(ended.record.spec, job=self._job))
            self._board.board_of(record.spec).put(record)
            if not record.status.is_final:
                truncate(self._request.folder, record)
                unfinished.append(record)
        return unfinished

    def _end_cut_off(self, listeners: list[TrialListener]) -> None:
        """End the trials that a limit interrupted; one without an epoch stays interrupted."""
        for record in self._board.trials.records:
            if record.epochs and not record.status.is_final:
                ended = self._board.trials.ended(record.trial_id)
                self._files.changed(ended)
                for listener in listeners:
                    listener.trial_ended(ended)
        self._interrupt()

    def _ended(self, history: TrialHistory, stopped: set[str]) -> TrialHistory:
        record = history.record
        cut_off = (
            self._goes_on and record.status is Status.PRUNED and record.trial_id not in stopped
        )
        if cut_off and checkpoints(trial_folder(self._request.folder, record)):
            record = replace(record, status=Status.INTERRUPTED)
            self._files.changed(record)
            return replace(history, record=record)
        if record.status.is_final:
            return history
        if record.trial_id not in stopped:
            return replace(history, record=replace(record, status=Status.INTERRUPTED))
        ended = record.ended(self._request.budget.epochs, record.at)
        self._files.changed(ended)
        return replace(history, record=ended)

    def _abandon(self, records: SearchRecords) -> None:
        """Close the records of a search that fails with an error, so that no run stays RUNNING."""
        try:
            self._interrupt()
            self.write_summary("interrupted")
        finally:
            records.abandon(self._board)

    def _interrupt(self) -> None:
        for record in self._board.interrupt():
            with suppress(OSError):  # the disk may be full; the file then says that the trial runs
                self._files.changed(record)

    def _end_former_finals(self, writer: MlflowWriter) -> None:
        """End the interrupted trainings of settings that are no longer finalists."""
        for record in self._board.finals.records:
            if not record.status.is_final:
                ended = self._board.finals.put(
                    record.ended(self._board.finals.max_epochs, record.at)
                )
                self._files.changed(ended)
                writer.trial_ended(ended)

    @losing_resetting_workers()
    def _tune(
        self,
        board: TrialBoard,
        left: int,
        searcher: Proposer,
        scheduler: Stopper,
        interrupted: list[TrialRecord],
        listeners: list[TrialListener],
    ) -> None:
        """Let Tune run the ``left`` remaining trials of ``board``."""
        request, resources = self._request, self._resources
        may_begin = self._terminator.may_begin
        source = TrialSource(searcher, interrupted, self._concurrency, request.folder, may_begin)
        tune.Tuner(
            trainable(self._job, resources, milestones(scheduler, request.budget.epochs)),
            tune_config=tune.TuneConfig(
                num_samples=left,
                search_alg=source,
                scheduler=sparing_starting_workers(scheduler),
                reuse_actors=True,
                trial_dirname_creator=_trial_folder,
            ),
            run_config=tune.RunConfig(
                name=request.name,
                storage_path=str(request.out),
                stop=self._terminator,
                callbacks=[
                    Events(board, listeners, self._files, self._stop.halt),
                    KeepBest(request.folder, self._board, request.rule),
                    GpuRetry(),
                    NodeLosses(),
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
        if whole:
            self._end_former_finals(records.writer)
        closed = records.close(self._board, status)
        # This comes last: once the summary says that the search is whole, its records are too.
        about, choice, run_id = self._about, closed.choice, closed.run_id
        summary = summarise(self._board, status, about, choice, run_id, closed.weights)
        errors = [*closed.errors, *_write_last(summary, self._request.folder)]
        if not whole and self._stop.signal is None and not self._stop.reason:
            self._stop.signal = signal.SIGINT
        stop = None if whole else self._stop
        trials, own_run = self._board.trials.records, records.writer.runs.parent or None
        return Outcome(summary, choice, trials, stop, errors, own_run)

    def write_summary(self, status: SearchStatus) -> None:
        """Write ``summary.json`` with the search's present state."""
        summary = summarise(self._board, status, self._about, so_far(self._board))
        summary.write(self._request.folder)

    def _within(self) -> str:
        limit = self._board.clock.limit
        return "" if limit is None else f", within {duration(limit)}"

    @contextmanager
    def _display(self) -> Iterator[TrialListener]:
        request = self._request
        title = (
            f"{request.name}: {request.architecture} on {request.dataset.name} "
            f"({request.dataset.image_words}), "
            f"{counted(request.budget.trials, 'trial')} of up to "
            f"{counted(request.budget.epochs, 'epoch')}, "
            f"{self._resources.concurrency} at once{judged_by(request.metric)}{self._within()}"
        )
        console = Console(quiet=True, force_jupyter=False) if request.quiet else self._console
        kind = LiveTable if console.is_terminal and not request.quiet else PlainLines
        if remark := request.proposals.remark(request.budget):
            console.print(f"{request.name}: {remark}", soft_wrap=True)
        usual = request.proposals.first()
        with kind(self._board, request.rule, title, console, usual) as display:
            yield display


def _remove_unbegun(folder: Path, histories: list[TrialHistory]) -> None:
    """Remove the folders of trials that had not begun, as their numbers are used again."""
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
    counts = COUNTS if request.kind == "search" else COUNTS[:2]
    budget = request.budget.model_dump(include=set(counts))
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
    """Write a search's last summary; the errors in doing so."""
    try:
        summary.write(folder)
    except OSError as error:
        return [f"cannot write summary.json to {folder} ({error.strerror})"]
    return []


def _remove_snapshots(folder: Path) -> None:
    """Remove Tune's snapshots of the search: nothing reads them, and a full disk damages them."""
    for path in (*folder.glob("experiment_state-*.json"), *folder.glob("tuner.pkl")):
        with suppress(OSError):
            path.unlink()


def _trial_folder(trial: Trial) -> str:
    return folder_name(trial.config["number"], trial.trial_id)

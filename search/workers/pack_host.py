"""The process in which the trials of a pack are trained."""

import io
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from search.trials.provenance import signed
from search.trials.source_files import source_files
from search.trials.spec import Job, TrialSpec
from search.workers.reporting import Clock, Figures, Pace
from search.workers.train import restored_from, training_data
from trainables.device import use_threads
from trainables.pack import Member, use_all_queues
from trainables.snapshot import snapshot
from trainables.training import Epoch, steps

# What a member made: a report with the epoch whose state goes with it, if one does; or its error.
Made = tuple[Figures, Epoch | None] | Exception


@dataclass
class _PackedTrial:
    """A member, and what it made that nobody has fetched: a report, with its error if it failed.

    It is settled once an epoch has ended: it takes no more memory then, and is not measured.

    Whoever fetches a report writes its checkpoint: at most two states of a member are in memory,
    one that waits and one that is written.
    """

    member: Member
    pace: Pace
    made: list[Made] = field(default_factory=list)
    ended: bool = False
    settled: bool = False


class PackHost:
    """A Ray actor that trains all its members in turns, in a thread of its own.

    That thread does nothing else: checkpoints are written by the threads that fetch them. A
    member trains at most one report more than was fetched of it. One that fails, for want of memory
    too or while its checkpoint is written, fails alone.

    Args:
        job: what all trials share.
        threads: CPU threads for all members together.
        milestones: the epochs that a member must report by themselves.
        clock: tells the seconds between other reports.
    """

    def __init__(
        self,
        job: Job,
        threads: int,
        milestones: Collection[int],
        clock: Clock = time.perf_counter,
    ) -> None:
        use_threads(threads)
        use_all_queues()
        self._milestones, self._clock = milestones, clock
        self._data = training_data(job)
        self._architecture = job.architecture
        source_files(job.architecture)  # as they are now: they may be edited while it trains
        self._memory = _Memory(self._data.device)
        self._trials: dict[str, _PackedTrial] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="pack", daemon=True).start()

    def size(self) -> int:
        """Members that are being trained."""
        return len(self._trials)

    def join(self, trial_id: str, config: dict[str, Any], checkpoint: str | None) -> None:
        """Train one more, from the folder of a checkpoint if there is one.

        Waits until the memory is likely to hold it.
        """
        self.leave(trial_id)  # the process that fetched an earlier try may have died
        setting = TrialSpec.from_config(config).setting
        state = restored_from(Path(checkpoint)) if checkpoint else None
        with self._changed:
            self._changed.wait_for(lambda: not self._trials or self._memory.has_room())
            member = Member(steps(setting, self._data, state), self._data.device)
            self._trials[trial_id] = _PackedTrial(member, Pace(self._milestones, self._clock))
            self._changed.notify_all()

    def next(self, trial_id: str) -> tuple[Figures, bytes | None] | None:
        """A member's next report, once it is made: its figures and its state as a file's bytes.

        A member that fails has no state in its last report. None at the end, or once it has left.

        Raises:
            Exception: whatever ended the training.
        """
        with self._changed:
            trial = self._trials[trial_id]
            self._changed.wait_for(lambda: trial.made or trial.ended)
            made = trial.made.pop(0) if trial.made else None
            self._changed.notify_all()
        if isinstance(made, Exception):
            raise made
        if made is None:
            return None
        figures, epoch = made
        return figures, None if epoch is None else written(epoch, self._architecture)

    def leave(self, trial_id: str) -> None:
        """Give a member up."""
        with self._changed:
            if trial := self._trials.pop(trial_id, None):
                trial.ended = True
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._ready()))
                ready = self._ready()
            for trial in ready:
                self._advance(trial)

    def _ready(self) -> list[_PackedTrial]:
        return [trial for trial in self._trials.values() if not trial.ended and not trial.made]

    def _advance(self, trial: _PackedTrial) -> None:
        made, ended = list[Made](), False
        try:
            advance = trial.member.advance
            epoch = advance() if trial.settled else self._memory.measured(trial.member)
            trial.settled |= epoch is not None
            made = [] if epoch is None else self._reports(trial.pace, epoch)
        except StopIteration:
            ended = True
        except Exception as error:
            rest = trial.pace.rest()
            made, ended = [*([(rest, None)] if rest else []), error], True
        if made or ended:
            with self._changed:
                trial.made += made
                trial.ended |= ended
                self._changed.notify_all()

    def _reports(self, pace: Pace, epoch: Epoch) -> list[Made]:
        """The report that ends with ``epoch``, if one does."""
        figures = pace.report(epoch.number, epoch.metrics)
        if figures is None:
            return []
        if self._data.device.type != "cuda":  # there it is a snapshot already
            epoch = replace(epoch, state=snapshot(epoch.state))
        return [(figures, epoch)]


class _Memory:
    """What a member takes of a GPU's memory, as measured; elsewhere nothing is."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._needed = device, 0
        self._on_gpu = device.type == "cuda"

    def has_room(self) -> bool:
        """True if the memory holds one more, and as much again in reserve."""
        if not self._on_gpu:
            return True
        # Of what torch holds and does not use, most belongs to graphs, which alone may use it.
        free, _ = torch.cuda.mem_get_info(self._device)
        return 0 < 2 * self._needed < free

    def measured(self, member: Member) -> Epoch | None:
        """Advance ``member``, noting the maximum that a step has taken so far."""
        if not self._on_gpu:
            return member.advance()
        allocated = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            return member.advance()
        finally:
            peak = torch.cuda.max_memory_allocated(self._device)
            self._needed = max(self._needed, peak - allocated)


def written(epoch: Epoch, architecture: str) -> bytes:
    """The state of ``epoch``, signed, as a file's bytes."""
    file = io.BytesIO()
    torch.save(signed(epoch, architecture).state, file)
    return file.getvalue()

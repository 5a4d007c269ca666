"""The process that trains the trials of a pack."""

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

# A member's product: a report with the epoch whose state belongs to it, if any; or an error.
Made = tuple[Figures, Epoch | None] | Exception


@dataclass
class _PackedTrial:
    """A member with its products that are not fetched yet: a report, and an error if it failed.

    It is settled once an epoch has ended: its memory then stays constant and is not measured again.

    Whoever fetches a report writes its checkpoint. So at most two states of a member are in memory:
    one that waits and one that is being written.
    """

    member: Member
    pace: Pace
    made: list[Made] = field(default_factory=list)
    ended: bool = False
    settled: bool = False


class PackHost:
    """A Ray actor that trains all its members in turns, in a thread of its own.

    That thread only trains; the threads that fetch checkpoints write them. A member is at most one
    report ahead of what was fetched. A member that fails, even because memory runs out or while its
    checkpoint is written, fails alone.

    Args:
        job: the values that all trials share.
        threads: number of CPU threads for all members together.
        milestones: the epochs that a member must report separately.
        clock: returns the time in seconds, for the period of other reports.
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
        source_files(job.architecture)  # read now, as they may be edited during the training
        self._memory = _Memory(self._data.device)
        self._trials: dict[str, _PackedTrial] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="pack", daemon=True).start()

    def size(self) -> int:
        """The number of members that are being trained."""
        return len(self._trials)

    def join(self, trial_id: str, config: dict[str, Any], checkpoint: str | None) -> None:
        """Train one more member, from a checkpoint's folder if there is one.

        It waits until the memory probably has room.
        """
        self.leave(trial_id)  # the process that fetched an earlier attempt may have died
        setting = TrialSpec.from_config(config).setting
        state = restored_from(Path(checkpoint)) if checkpoint else None
        with self._changed:
            self._changed.wait_for(lambda: not self._trials or self._memory.has_room())
            member = Member(steps(setting, self._data, state), self._data.device)
            self._trials[trial_id] = _PackedTrial(member, Pace(self._milestones, self._clock))
            self._changed.notify_all()

    def next(self, trial_id: str) -> tuple[Figures, bytes | None] | None:
        """Wait for a member's next report: its metrics, and its state as the bytes of a file.

        The last report of a failing member has no state. None at the end, or after it has left.

        Raises:
            Exception: the exception that ended the training.
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
        """Stop training a member."""
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
        """The report that ends with ``epoch``, if there is one."""
        figures = pace.report(epoch.number, epoch.metrics)
        if figures is None:
            return []
        if self._data.device.type != "cuda":  # on CUDA the state is a snapshot already
            epoch = replace(epoch, state=snapshot(epoch.state))
        return [(figures, epoch)]


class _Memory:
    """The measured GPU memory of a member; on other devices nothing is measured."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._needed = device, 0
        self._on_gpu = device.type == "cuda"

    def has_room(self) -> bool:
        """True if the memory has room for one more member, and as much again in reserve."""
        if not self._on_gpu:
            return True
        # Most memory that torch holds but does not use is reserved for graphs.
        free, _ = torch.cuda.mem_get_info(self._device)
        return 0 < 2 * self._needed < free

    def measured(self, member: Member) -> Epoch | None:
        """Advance ``member`` and note the maximum memory of a step so far."""
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
    """The signed state of ``epoch`` as the bytes of a file."""
    file = io.BytesIO()
    torch.save(signed(epoch, architecture).state, file)
    return file.getvalue()

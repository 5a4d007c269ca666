"""The process in which the trials of a pack are trained."""

import io
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from search.trials.provenance import signed
from search.trials.source_files import source_files
from search.trials.spec import Job, TrialSpec
from search.workers.train import restored_from, training_data
from trainables.device import use_threads
from trainables.pack import Member
from trainables.training import Epoch, steps

# What a member made: the figures of an epoch and the bytes of its state, its end, or its error.
Made = tuple[dict[str, float], bytes] | Exception | None


@dataclass
class _PackedTrial:
    """A member, and what it made that nobody has fetched yet: at most one thing."""

    member: Member
    made: list[Made] = field(default_factory=list)
    ended: bool = False


class PackHost:
    """A Ray actor that trains all its members in turns, in a thread of its own.

    A member trains at most one epoch more than was fetched of it. One that fails, for want
    of memory too, fails alone.

    Args:
        job: what all trials share.
        threads: CPU threads for all members together.
    """

    def __init__(self, job: Job, threads: int) -> None:
        use_threads(threads)
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
        setting = TrialSpec.from_config(config).setting
        state = restored_from(Path(checkpoint)) if checkpoint else None
        with self._changed:
            self._changed.wait_for(lambda: not self._trials or self._memory.has_room())
            member = Member(steps(setting, self._data, state), self._data.device)
            self._trials[trial_id] = _PackedTrial(member)
            self._changed.notify_all()

    def next(self, trial_id: str) -> tuple[dict[str, float], bytes] | None:
        """A member's next epoch, once it has ended: its figures and its state as a file's bytes.

        None at the end.

        Raises:
            Exception: whatever ended the training.
        """
        with self._changed:
            trial = self._trials[trial_id]
            self._changed.wait_for(lambda: bool(trial.made))
            made = trial.made.pop()
            self._changed.notify_all()
        if isinstance(made, Exception):
            raise made
        return made

    def leave(self, trial_id: str) -> None:
        """Give a member up."""
        with self._changed:
            self._trials.pop(trial_id, None)
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
        made = self._made(trial)
        if made is None and not trial.ended:
            return
        with self._changed:
            trial.made.append(made)
            self._changed.notify_all()

    def _made(self, trial: _PackedTrial) -> Made:
        """What a step of ``trial`` gave; None where that is nothing, or its end."""
        try:
            epoch = self._memory.measured(trial.member)
            return None if epoch is None else _packed(epoch, self._architecture)
        except StopIteration:
            trial.ended = True
            return None
        except Exception as error:
            trial.ended = True
            return error


class _Memory:
    """What a member takes of a GPU's memory, as measured; elsewhere nothing is."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._needed = device, 0
        self._on_gpu = device.type == "cuda"

    def has_room(self) -> bool:
        """True if the memory holds one more, and as much again in reserve."""
        if not self._on_gpu:
            return True
        free, _ = torch.cuda.mem_get_info(self._device)
        free += torch.cuda.memory_reserved(self._device)  # of which torch uses a part
        return 0 < 2 * self._needed < free - torch.cuda.memory_allocated(self._device)

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


def _packed(epoch: Epoch, architecture: str) -> tuple[dict[str, float], bytes]:
    file = io.BytesIO()
    torch.save(signed(epoch, architecture).state, file)
    return {**epoch.metrics, "epoch": epoch.number}, file.getvalue()

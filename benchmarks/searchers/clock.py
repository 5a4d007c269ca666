"""The simulated clock: each worker trains one epoch per unit of time."""

import heapq
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.searchers.method import Lease, Method
from benchmarks.searchers.table import Table
from trainables.recipe import Value
from trainables.seeding import derive

WORKERS = 4
MARKS = (0.1, 0.25, 0.5, 1.0)  # shares of the budget at which regret is taken


@dataclass
class TrainedCurve:
    """The curve of a setting on a worker; ``epoch`` is the last trained epoch."""

    curve: list[float]
    reported: list[float]
    epoch: int = 0


@dataclass
class Simulation:
    """One method on one table.

    An epoch takes one unit of time. A free worker asks for its next training at once; of several,
    the first worker asks first. A worker that gets none asks again when another training has
    reported or ended. A training that continues pays only for its further epochs.

    Attributes:
        table: the table to search.
        method: the method that searches it.
        seed: seed of the noise.
        workers: number of workers.
        improvements: time and noise-free value of each training that reported a new best.
        leases: number of trainings that the method proposed.
        seconds: CPU seconds that the method took for them.
    """

    table: Table
    method: Method
    seed: int
    workers: int = WORKERS
    improvements: list[tuple[int, float]] = field(default_factory=list)
    leases: int = 0
    seconds: float = 0.0

    @property
    def end(self) -> int:
        """The time when the budget is spent."""
        return math.ceil(self.table.trials * self.table.epochs / self.workers)

    def run(self) -> list[float]:
        """The regret at each of ``MARKS``."""
        self._trainings: dict[int, TrainedCurve] = {}
        self._under_way: dict[int, Lease] = {}  # by worker
        self._events: list[tuple[int, int]] = []  # when a worker's epoch ends, and which
        self._best, self._idle, now = -math.inf, set(range(self.workers)), 0
        self._ask_idle(now)
        while self._events and self._events[0][0] <= self.end:
            now = self._events[0][0]
            while self._events and self._events[0][0] == now:
                self._epoch_ends(now, heapq.heappop(self._events)[1])
            self._ask_idle(now)
        return [self.table.regret(self._at(mark * self.end)) for mark in MARKS]

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.process_time()
        yield
        self.seconds += time.process_time() - begun

    def _at(self, moment: float) -> float:
        """Noise-free value of the best-looking epoch; the median setting's before the first."""
        values = [value for at, value in self.improvements if at <= moment]
        return values[-1] if values else self.table.median

    def _ask_idle(self, now: int) -> None:
        for worker in sorted(self._idle):
            self._ask(now, worker)

    def _ask(self, now: int, worker: int) -> None:
        self._idle.add(worker)
        if now >= self.end:
            return
        with self._timed():
            lease = self.method.next()
        if lease is None:
            return
        training = self._training(lease.trial, lease.values)
        if not training.epoch < lease.until <= self.table.epochs:
            raise ValueError(
                f"trial {lease.trial} has {training.epoch} of {self.table.epochs} epochs, "
                f"and is asked for until {lease.until}"
            )
        self.leases += 1
        self._idle.remove(worker)
        self._under_way[worker] = lease
        heapq.heappush(self._events, (now + 1, worker))

    def _training(self, trial: int, values: dict[str, Value]) -> TrainedCurve:
        if trial not in self._trainings:
            curve = self.table.curve(values)
            draw = np.random.default_rng(derive(self.seed, "noise", trial))
            noise = draw.normal(0, self.table.noise, len(curve)) if self.table.noise else 0.0
            self._trainings[trial] = TrainedCurve(curve, (np.array(curve) + noise).tolist())
        return self._trainings[trial]

    def _epoch_ends(self, now: int, worker: int) -> None:
        lease = self._under_way[worker]
        training = self._trainings[lease.trial]
        if self._goes_on(now, lease, training):
            heapq.heappush(self._events, (now + 1, worker))
            return
        del self._under_way[worker]
        with self._timed():
            self.method.ended(lease.trial)
        self._ask(now, worker)

    def _goes_on(self, now: int, lease: Lease, training: TrainedCurve) -> bool:
        if training.epoch == len(training.curve):  # it diverged
            return False
        value, true = training.reported[training.epoch], training.curve[training.epoch]
        training.epoch += 1
        if value > self._best:
            self._best = value
            self.improvements.append((now, true))
        with self._timed():
            goes_on = self.method.report(lease.trial, training.epoch, value)
        return goes_on and training.epoch < lease.until

"""Stops a search before it is whole, on a signal or by its own decision."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from signal import SIGINT, Signals
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.tune import Callback
from ray.tune.experiment import Trial

from search.driver.interruption import Interrupted

GRACE = 1.0  # seconds in which a trial may still report an epoch that has ended
TWICE = 0.5  # seconds within which a signal comes twice if two processes send it, as Ray's jobs do


class WorkerProcesses(Callback):  # type: ignore[misc]
    """Tune's callback: ends the workers of a stopped search.

    Tune would wait up to ten seconds for their current epochs, and then discard these.
    """

    def __init__(self) -> None:
        self._trials: list[Trial] = []
        self._timer: threading.Timer | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerProcesses, ()  # Tune pickles its callbacks, and a timer cannot be pickled

    def on_step_begin(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Tune is about to handle its trials."""
        self._trials = trials

    def end_soon(self, grace: float = GRACE) -> None:
        """End the workers that run or start now, after ``grace`` seconds."""
        actors = self._at_work()  # Tune will not know them much longer
        self._timer = threading.Timer(grace, lambda: _kill([*actors, *self._at_work()]))
        self._timer.daemon = True
        self._timer.start()

    def _at_work(self) -> list[ActorHandle]:
        actors = (trial.temporary_state.ray_actor for trial in self._trials)
        return [actor for actor in actors if actor]

    def forget(self) -> None:
        """Leave the workers that have not ended yet alone: Ray itself is about to end."""
        if self._timer is not None:
            self._timer.cancel()


def _kill(actors: list[ActorHandle]) -> None:
    for actor in actors:
        if ray.is_initialized():  # else the next call would start Ray again
            ray.kill(actor)


@dataclass
class Stop:
    """What ended a search before it was whole.

    Attributes:
        signal: the signal that arrived; None if none did.
        reason: why the search stopped itself; empty if it did not.
        workers: the workers to end then.
        asks: the signal that tells Tune to end its loop.
    """

    signal: int | None = None
    reason: str = ""
    workers: WorkerProcesses = field(default_factory=WorkerProcesses)
    asks: Signals = SIGINT
    _since: float = 0.0

    def halt(self, reason: str) -> None:
        """Stop the search for a ``reason``, which is one line."""
        if not self.reason:
            self.reason = reason
            self._end()

    def rearmed(self) -> bool:
        """True if nothing has ended the search; then signals interrupt until Tune listens again."""
        if self.asks is not SIGINT:
            signal.signal(self.asks, signal.default_int_handler)
        return self.signal is None and not self.reason

    def signalled(self, number: int, _: object = None) -> None:
        """Stop the search for a signal.

        Raises:
            KeyboardInterrupt: it is the second signal.
        """
        if self.signal is None:
            self.signal, self._since = number, time.monotonic()
            self._end()
        elif number != self.signal or time.monotonic() - self._since > TWICE:
            raise KeyboardInterrupt

    def _end(self) -> None:
        self.workers.end_soon()
        signal.raise_signal(self.asks)


@contextmanager
def stopping_gently() -> Iterator[Stop]:
    """Let SIGINT and SIGTERM end Tune's loop, so that records are closed; a second one interrupts.

    Tune gets SIGUSR1, on which it leaves running trials and returns. Before Tune handles that
    signal, it interrupts. Tune's handler of SIGINT outlasts the search, and Ray aborts on SIGTERM.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    stop.asks = signal.SIGUSR1
    handlers = {
        signal.SIGUSR1: signal.signal(signal.SIGUSR1, signal.default_int_handler),
        signal.SIGINT: signal.signal(signal.SIGINT, stop.signalled),
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop.signalled),
    }
    try:
        yield stop
    except KeyboardInterrupt as error:
        raise Interrupted(stop.signal or SIGINT) from error
    finally:
        stop.workers.forget()
        for number, handler in handlers.items():
            signal.signal(number, handler)

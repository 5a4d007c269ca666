"""How a search is stopped before it is whole: by a signal, or by itself."""

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

GRACE = 1.0  # seconds in which a trial may still hand over the epoch that it has ended
TWICE = 0.5  # seconds within which the same signal comes again if two pass it on, as Ray's jobs do


class WorkerProcesses(Callback):  # type: ignore[misc]
    """Tune's callback: ends the workers of a search that is stopped.

    Tune would wait for the epochs that they are at, up to ten seconds, and keep nothing of them.
    """

    def __init__(self) -> None:
        self._trials: list[Trial] = []
        self._timer: threading.Timer | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerProcesses, ()  # Tune pickles its callbacks, and a timer cannot be

    def on_step_begin(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Tune is about to look after its trials."""
        self._trials = trials

    def end_soon(self, grace: float = GRACE) -> None:
        """End those that are at work now, and those that were still starting, after ``grace``."""
        actors = self._at_work()  # in a moment Tune will no longer say
        self._timer = threading.Timer(grace, lambda: _kill([*actors, *self._at_work()]))
        self._timer.daemon = True
        self._timer.start()

    def _at_work(self) -> list[ActorHandle]:
        actors = (trial.temporary_state.ray_actor for trial in self._trials)
        return [actor for actor in actors if actor]

    def forget(self) -> None:
        """Let whatever has not ended by now be: Ray itself is about to go."""
        if self._timer is not None:
            self._timer.cancel()


def _kill(actors: list[ActorHandle]) -> None:
    for actor in actors:
        if ray.is_initialized():  # otherwise this would start it again
            ray.kill(actor)


@dataclass
class Stop:
    """What ended a search before it was whole.

    Attributes:
        signal: that came, or None.
        reason: why it stopped itself, or empty.
        workers: to be ended then.
        asks: the signal by which Tune is asked to end its loop.
    """

    signal: int | None = None
    reason: str = ""
    workers: WorkerProcesses = field(default_factory=WorkerProcesses)
    asks: Signals = SIGINT
    _since: float = 0.0

    def halt(self, reason: str) -> None:
        """Stop the search, for a ``reason`` in a line."""
        if not self.reason:
            self.reason = reason
            self._end()

    def rearmed(self) -> bool:
        """True if nothing ended the search; then a signal interrupts until Tune listens again."""
        if self.asks is not SIGINT:
            signal.signal(self.asks, signal.default_int_handler)
        return self.signal is None and not self.reason

    def signalled(self, number: int, _: object = None) -> None:
        """Stop the search for a signal.

        Raises:
            KeyboardInterrupt: it is the second.
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
    """Have SIGINT and SIGTERM end Tune's loop, so that the records are closed; a second interrupts.

    Tune is asked by SIGUSR1: it lets running trials go and returns. Before Tune listens to that, it
    interrupts. Tune's own way with SIGINT outlasts the search, and Ray aborts on SIGTERM.
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

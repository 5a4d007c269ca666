"""Reports a trial's epochs to Tune, from a thread of its own while the training continues."""

import queue
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from types import TracebackType
from typing import Any

from search.trials.checkpoints import EARLIER, HELD_UP, report
from trainables.checkpoint import save
from trainables.snapshot import snapshot
from trainables.training import Epoch

PERIOD = 0.5  # minimum seconds between two reports at which nothing is decided
Clock = Callable[[], float]
Figures = dict[str, Any]


class Pace:
    """Decides which epochs a trial reports separately: all that are longer than ``PERIOD``.

    A report costs the driver milliseconds, and the trial a checkpoint. Shorter epochs are reported
    if the scheduler decides at them, so that no decision depends on time, and otherwise once
    ``PERIOD`` has passed. The metrics of the others are sent with the next report.

    Args:
        milestones: the epochs that must be reported separately, including the last.
        clock: returns the time in seconds.
    """

    def __init__(self, milestones: Collection[int], clock: Clock = time.perf_counter) -> None:
        self._milestones, self._clock = milestones, clock
        self._earlier: list[Figures] = []
        self._since = clock()

    def report(self, number: int, metrics: dict[str, float]) -> Figures | None:
        """The report that epoch ``number`` ends; None if the epoch waits for a later one."""
        figures, now = {**metrics, "epoch": number}, self._clock()
        if number not in self._milestones and now - self._since < PERIOD:
            self._earlier.append(figures)
            return None
        self._since = now
        return self._joined(figures)

    def rest(self) -> Figures | None:
        """The report of the epochs that wait, once no other follows; None if there are none."""
        return self._joined(self._earlier.pop()) if self._earlier else None

    def _joined(self, last: Figures) -> Figures:
        earlier, self._earlier = self._earlier, []
        return {**last, EARLIER: earlier} if earlier else last


class Reports:
    """Sends epochs to Tune, each report with a checkpoint to resume from.

    Tune accepts a report only when its driver gets to it, and the trial would have to wait. Here
    the trial continues to train until the next report. If Tune stops the trial, the training since
    then is discarded.

    Use it as a context manager around the training: leaving it delivers the last report, and raises
    SystemExit if Tune has stopped the trial, as Tune's own report does.

    Args:
        pace: decides which epochs are reported separately.
        sign: applied to these epochs, by the thread that trains.
    """

    def __init__(self, pace: Pace, sign: Callable[[Epoch], Epoch]) -> None:
        self._pace, self._sign = pace, sign
        self._waiting: queue.Queue[tuple[Figures, dict[str, Any] | None] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._deliver, name="reports", daemon=True)
        self._failure: BaseException | None = None
        self._held_up = 0.0
        self._stopped = False

    def __enter__(self) -> "Reports":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if rest := self._pace.rest():  # an error or Tune ended the training
            self._waiting.put((rest, None))
        self._waiting.put(None)
        self._thread.join()
        if error is None:
            self.raise_if_stopped()

    def send(self, epoch: Epoch) -> None:
        """Send ``epoch`` if it must be reported, after the report before is delivered.

        Its metrics gain ``report_seconds``, the time by which the epoch before delayed the trial.

        Raises:
            SystemExit: Tune has stopped the trial.
        """
        start = time.perf_counter()
        held_up, self._held_up = self._held_up, 0.0
        figures = self._pace.report(epoch.number, {**epoch.metrics, HELD_UP.name: held_up})
        if figures is None:
            return
        self._waiting.join()
        self.raise_if_stopped()
        self._waiting.put((figures, snapshot(self._sign(epoch).state)))
        self._held_up = time.perf_counter() - start

    def _deliver(self) -> None:
        while (made := self._waiting.get()) is not None:
            figures, state = made
            try:
                if not self._stopped:
                    report(figures, None if state is None else partial(save, state))
            except SystemExit:  # Tune stops a trial so, in the thread that reports
                self._stopped = True
            except BaseException as error:
                self._failure, self._stopped = error, True
            finally:
                self._waiting.task_done()

    def raise_if_stopped(self) -> None:
        """Raise if Tune has stopped the trial or a report could not be delivered.

        Raises:
            SystemExit: Tune has stopped the trial.
            Exception: the exception that prevented the delivery.
        """
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            raise SystemExit(0)

"""What a trial reports to Tune, from a thread of its own while it trains on."""

import queue
import threading
import time
from functools import partial
from types import TracebackType

from search.trials.checkpoints import HELD_UP, report
from trainables.checkpoint import save
from trainables.snapshot import snapshot
from trainables.training import Epoch


class Reports:
    """Epochs on their way to Tune, each with a checkpoint to resume from.

    Tune takes a report only when its driver has come round to it, and the trial would wait. Here it
    trains the next epoch meanwhile, at most one more than Tune has. If Tune stops the
    trial, ``stopped`` becomes true and that epoch is given up.

    Use as a context manager around the training: leaving it delivers what is on its way, and raises
    SystemExit if Tune has stopped the trial, as Tune's own report does.
    """

    def __init__(self) -> None:
        self._waiting: queue.Queue[Epoch | None] = queue.Queue()
        self._thread = threading.Thread(target=self._deliver, name="reports", daemon=True)
        self._failure: BaseException | None = None
        self._held_up = 0.0
        self.stopped = False

    def __enter__(self) -> "Reports":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._waiting.join()
        self._waiting.put(None)
        self._thread.join()
        if error is None:
            self._raise_if_stopped()

    def send(self, epoch: Epoch) -> None:
        """Hand ``epoch`` over, once the one before is delivered.

        Its metrics gain ``report_seconds``, for how long the trial was held up by the one before.

        Raises:
            SystemExit: Tune has stopped the trial.
        """
        start = time.perf_counter()
        self._waiting.join()
        self._raise_if_stopped()
        metrics = {**epoch.metrics, HELD_UP.name: self._held_up}
        self._waiting.put(Epoch(epoch.number, metrics, snapshot(epoch.state)))
        self._held_up = time.perf_counter() - start

    def _deliver(self) -> None:
        while (epoch := self._waiting.get()) is not None:
            try:
                if not self.stopped:
                    metrics = {**epoch.metrics, "epoch": epoch.number}
                    report(metrics, partial(save, epoch.state))
            except SystemExit:  # how Tune stops a trial, in the thread that reports
                self.stopped = True
            except BaseException as error:
                self._failure, self.stopped = error, True
            finally:
                self._waiting.task_done()

    def _raise_if_stopped(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.stopped:
            raise SystemExit(0)

"""The progress of a training, for methods that detect its end themselves."""

import math
from dataclasses import dataclass


@dataclass
class TrainingState:
    """A training on a worker.

    Attributes:
        until: the last epoch before the worker asks again.
        epoch: the last reported epoch.
        value: that epoch's value.
        best: the largest value so far.
        stopped: whether the method stopped it.
    """

    until: int
    epoch: int = 0
    value: float = 0.0
    best: float = -math.inf
    stopped: bool = False

    def report(self, epoch: int, value: float) -> None:
        """Take an epoch's value."""
        self.epoch, self.value, self.best = epoch, value, max(self.best, value)

    @property
    def diverged(self) -> bool:
        """Whether it ended before its last epoch without being stopped."""
        return self.epoch < self.until and not self.stopped

"""How far a training has come, for methods that learn of its end by themselves."""

import math
from dataclasses import dataclass


@dataclass
class TrainingState:
    """A training on a worker.

    Attributes:
        until: epoch at which the worker comes back at the latest.
        epoch: the last one that was reported.
        value: that epoch's value.
        best: the largest value so far.
        stopped: whether the method ended it.
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
        """Whether it ended by itself before its last epoch."""
        return self.epoch < self.until and not self.stopped

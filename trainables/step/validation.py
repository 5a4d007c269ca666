"""A network's figures on a split, after every epoch."""

import torch
from torch import Tensor

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate
from trainables.step.execution import Execution, Work
from trainables.step.lean_weights import LeanWeights


class Validation:
    """The evaluation of a network that is being trained.

    Args:
        weights: the network's.
        split: the images.
        normalise: from their pixels to the network's input.
        execution: how it reaches the device.
    """

    def __init__(
        self,
        weights: LeanWeights,
        split: DeviceSplit,
        normalise: Normaliser,
        execution: Execution,
    ) -> None:
        self._weights, self._split, self._normalise = weights, split, normalise
        self._execution = execution
        self._work: Work | None = None
        # With digits, of three groups more: see ``Evaluation.sums``.
        length = 3 if split.digits is None else 9
        self._sums = torch.zeros(length, dtype=torch.float64, device=split.labels.device)

    def __call__(self) -> Tensor:
        """What ``metrics_of`` makes the figures of, on its way to the host."""
        if self._work is None:
            self._work = self._execution.repeatable(self._evaluate, [])
        self._work()
        return self._sums.to("cpu", non_blocking=True, copy=True)

    def _evaluate(self) -> None:
        with self._weights.in_float32() as model:
            self._sums.copy_(evaluate(model, self._split, self._normalise).sums())

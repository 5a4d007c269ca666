"""Evaluate a network on a split after every epoch."""

import torch
from torch import Tensor, nn

from trainables.best_epoch import ACCURACY
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate
from trainables.step.execution import Execution, Work


class Validation:
    """The evaluation of a network that is being trained.

    Args:
        model: the network.
        split: the images.
        normalise: turns their pixels into the network's input.
        dtype: number format.
        execution: runs the evaluation on the device.
        metric: the metric that judges the training.
    """

    def __init__(
        self,
        model: nn.Module,
        split: DeviceSplit,
        normalise: Normaliser,
        dtype: torch.dtype,
        execution: Execution,
        metric: str = ACCURACY,
    ) -> None:
        self._model, self._split, self._normalise = model, split, normalise
        self._dtype, self._execution, self._metric = dtype, execution, metric
        self._work: Work | None = None
        self._sums = torch.empty(0)

    def __call__(self) -> Tensor:
        """Start the evaluation; return the sums for ``metrics_of``, on their way to the host."""
        if not self._execution.captures:  # storing the work would make a reference cycle
            self._evaluate()
        else:
            self._work = self._work or self._execution.repeatable(self._evaluate, [])
            self._work()
        return self._sums.to("cpu", non_blocking=True, copy=True)

    def _evaluate(self) -> None:
        evaluation = evaluate(self._model, self._split, self._normalise, self._dtype)
        self._sums = evaluation.sums(self._metric)

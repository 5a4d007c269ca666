"""The training step: a batch, its loss, its gradient and an update."""

import torch
from torch import Tensor

from trainables.step.chunk import Chunk
from trainables.step.execution import Execution, Work
from trainables.step.learner import Learner


class Step:
    """Update a learner with the next batch of a chunk.

    Args:
        learner: the network with its optimizer.
        smoothing: share of each label that is spread over all classes.
        class_weights: weights of the classes' losses, (classes,); None for equal weights.
        chunk: holds the batches.
        execution: runs the step on the device.
    """

    def __init__(
        self,
        learner: Learner,
        smoothing: float,
        class_weights: Tensor | None,
        chunk: Chunk,
        execution: Execution,
    ) -> None:
        self._learner, self._chunk, self._execution = learner, chunk, execution
        self._smoothing, self._class_weights = smoothing, class_weights
        self._work: Work | None = None
        device = chunk.tensors[0].device
        # Sums of objective, cross-entropy and hits over the images so far.
        self.sums = torch.zeros(3, device=device)

    def __call__(self) -> None:
        """Take the step."""
        if not self._execution.captures:  # storing the work would make a reference cycle
            self._take()
            return
        if self._work is None:
            changed = [self.sums, *self._chunk.tensors, *self._learner.tensors]
            self._work = self._execution.repeatable(self._take, changed)
        self._work()

    def _take(self) -> None:
        inputs, targets = self._chunk.take()
        logits = self._learner.logits(inputs)
        objective = targets.cross_entropy(logits, self._smoothing, self._class_weights)
        self._learner.update(objective)
        with torch.no_grad():
            is_plain = not self._smoothing and self._class_weights is None
            plain = objective if is_plain else targets.cross_entropy(logits)
            losses = len(logits) * torch.stack([objective.detach(), plain.detach()])
            self.sums += torch.cat([losses, targets.hits(logits)[None]])

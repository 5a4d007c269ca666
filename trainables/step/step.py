"""The training step: a batch, its loss, its gradient, an update."""

import torch
from torch import Tensor

from trainables.step.chunk import Chunk
from trainables.step.execution import Execution, Work
from trainables.step.learner import Learner


class Step:
    """An update of a learner against the next batch of a chunk.

    Args:
        learner: what is trained.
        smoothing: share of each label that is spread over all classes.
        class_weights: of each class's losses, (classes,); None for equal ones.
        chunk: holds the batches.
        execution: how it reaches the device.
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
        # Of objective, cross-entropy and hits, over the images so far.
        self.sums = torch.zeros(3, device=device)

    def __call__(self) -> None:
        """Take the step."""
        if not self._execution.captures:  # kept, the work would hold in a circle what it is of
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

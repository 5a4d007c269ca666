"""Augmented batches on the device; each step takes the next one."""

import torch
from torch import Tensor

from trainables.mixup import Mixture, Targets


class Chunk:
    """The batches that are augmented together.

    Args:
        batch_size: number of images of a batch.
        batches: the most batches of a chunk.
        device: device of the images.
        captured: whether steps are captured: then the batches are always in the same memory, and
            the index of the next batch is on the device.
    """

    def __init__(self, batch_size: int, batches: int, device: torch.device, captured: bool) -> None:
        self._size, self._batches, self._captured = batch_size, batches, captured
        self._next = torch.zeros(1, dtype=torch.int64, device=device)
        self._places = torch.arange(batch_size, device=device)
        self._parts: list[Tensor] = []

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that a step changes: the index of the next batch."""
        return [self._next]

    def fill(self, inputs: Tensor, targets: Targets) -> None:
        """Replace the batches.

        Args:
            inputs: (N, C, H, W), whole batches, in channels-last memory.
            targets: targets of the N images.
        """
        mixture = targets.mixture
        parts = [inputs.permute(0, 2, 3, 1), targets.labels]
        parts += [mixture.others, mixture.shares] if mixture else []
        if not self._captured:
            self._parts = parts
            return
        self._next.zero_()
        if not self._parts:
            whole = self._size * self._batches
            counts = [whole, whole, whole, self._batches]
            self._parts = [
                part.new_empty(count, *part.shape[1:])
                for part, count in zip(parts, counts, strict=False)
            ]
        for room, part in zip(self._parts, parts, strict=True):
            room[: len(part)].copy_(part)

    def take(self) -> tuple[Tensor, Targets]:
        """The next batch: inputs (N, C, H, W) and targets."""
        parts = self._parts
        if self._captured:
            at = self._next * self._size + self._places
            where = [at, at, at, self._next]
            parts = [part.index_select(0, index) for part, index in zip(parts, where, strict=False)]
            self._next += 1
        images, labels, *mixed = parts
        return images.permute(0, 3, 1, 2), Targets(labels, Mixture(*mixed) if mixed else None)

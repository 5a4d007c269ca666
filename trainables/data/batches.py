"""A split on a device, cut into batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.data.dataset import Dataset, Split


@dataclass(frozen=True)
class DeviceSplit:
    """A split, or a batch of it, on a device; on the CPU a whole split uses the mapped arrays.

    Attributes:
        images: (N, H, W, C), uint8.
        labels: (N,), int64.
        digits: (N,), int64, or None if the images show no digits.
    """

    images: Tensor
    labels: Tensor
    digits: Tensor | None

    @classmethod
    def of(cls, split: Split, device: torch.device) -> "DeviceSplit":
        """``split`` on ``device``."""
        images, labels = (torch.from_numpy(a).to(device) for a in (split.images, split.labels))
        digits = None if split.digits is None else torch.from_numpy(split.digits).to(device)
        return cls(images, labels, digits)

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, index: Tensor | slice) -> "DeviceSplit":
        """The images at ``index``: a slice, or places (N,)."""

        def part(values: Tensor) -> Tensor:
            # Copies whole images, ten times as fast on a CPU as ``values[index]``.
            return values[index] if isinstance(index, slice) else values.index_select(0, index)

        digits = None if self.digits is None else part(self.digits)
        return DeviceSplit(part(self.images), part(self.labels), digits)

    def in_order(self, size: int) -> Iterator["DeviceSplit"]:
        """Every image once, in order; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.at(slice(start, start + size))

    def shuffled(
        self,
        size: int,
        draws: torch.Generator,
        weights: Tensor | None = None,
        batches: int = 1,
    ) -> Iterator["DeviceSplit"]:
        """Yield images in random order; a rest that does not fill a batch of ``size`` is left out.

        Each part has ``batches`` batches, the last perhaps fewer. A split that is smaller than a
        batch is one batch. With ``weights``, (N,), images are drawn with replacement, in proportion
        to their weights; the number of batches is the same.
        """
        if weights is None:
            order = torch.randperm(len(self), generator=draws, device=draws.device)
        else:
            order = torch.multinomial(weights, len(self), replacement=True, generator=draws)
        whole = steps_per_epoch(len(self), size)
        for step in range(0, whole, batches):
            yield self.at(order[step * size : min(step + batches, whole) * size])

    def evenly(self, count: int) -> "DeviceSplit":
        """At most ``count`` images, evenly spaced."""
        return self.at(slice(None, None, -(-len(self) // count)))


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Full batches in an epoch, at least 1."""
    return max(1, images // batch_size)


def images_per_epoch(images: int, batch_size: int) -> int:
    """Images that are trained on in an epoch: those in full batches."""
    return min(images, steps_per_epoch(images, batch_size) * batch_size)


class Normaliser:
    """Turn uint8 images (N, H, W, C) into normalised floats (N, C, H, W), channels-last."""

    def __init__(self, dataset: Dataset, device: torch.device) -> None:
        self._scale = 1 / (255 * torch.tensor(dataset.std, device=device))
        self._shift = -torch.tensor(dataset.mean, device=device) * 255 * self._scale

    def __call__(self, images: Tensor) -> Tensor:
        """``images`` scaled to [0, 1], minus the mean, divided by the standard deviation."""
        count, height, width, channels = images.shape
        # By rows: looping over three channels would take a CPU five times as long.
        rows = images.reshape(count * height, width * channels).float()
        rows = (rows * self._scale.repeat(width)).add_(self._shift.repeat(width))
        return rows.view(images.shape).permute(0, 3, 1, 2)

"""A network with its preprocessing and softmax: from raw images to probabilities."""

import torch
from torch import Tensor, nn

from trainables.data import Dataset
from trainables.data.image_files import Fit


class ImageClassifier(nn.Module):
    """Compute the probabilities of the classes, (N, classes), of uint8 images (N, H, W, C).

    Images of another size are resized by Pillow's bilinear filter, as in a data folder. The levels
    are the same, but may differ by one if a level lies halfway between two. The filter is a matrix
    product, which every runtime has and computes alike; torch's and ONNX's own resizing differ.

    Args:
        network: a module in eval mode that turns normalised images into logits.
        dataset: the data that it was trained on.
        fit: how to fit images of another size: ``stretch``, or ``pad`` with black bars.
    """

    def __init__(self, network: nn.Module, dataset: Dataset, fit: Fit = "stretch") -> None:
        super().__init__()
        self.network, self.fit = network, fit
        self.height, self.width, self.channels = dataset.image_shape
        scale = 1 / (255 * torch.tensor(dataset.std))
        shift = -torch.tensor(dataset.mean) * 255 * scale
        self.scale, self.shift = nn.Buffer(scale.view(-1, 1, 1)), nn.Buffer(shift.view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """The probabilities of ``images``, of any size and number."""
        planes = images.permute(0, 3, 1, 2).contiguous().float()
        rows, columns = _pixels(planes.shape[2]), _pixels(planes.shape[3])
        factors = self.height / _count(rows), self.width / _count(columns)
        if self.fit == "pad":
            factors = (torch.minimum(*factors),) * 2
        planes = _whole(planes @ _filter(columns, self.width, factors[1]).T)
        planes = _whole(_filter(rows, self.height, factors[0]) @ planes)
        logits: Tensor = self.network(planes * self.scale + self.shift)
        return logits.float().softmax(dim=1)


def _pixels(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float64)


def _count(pixels: Tensor) -> Tensor:
    """The number of pixels as a tensor, so that one program takes any number."""
    return torch.ones_like(pixels).sum()


def _filter(pixels: Tensor, side: int, factor: Tensor) -> Tensor:
    """Pillow's bilinear filter from ``pixels``, (N,), to ``side`` pixels, padded with black.

    Args:
        pixels: pixel indices from 0.
        side: side of the result, in pixels.
        factor: the largest factor of the resizing; the rest of ``side`` is black.

    Returns:
        (side, N), float32. It is the identity if the size stays the same.
    """
    size = _count(pixels)
    inner = (factor * size).round().clamp(min=1, max=side)
    begin = ((side - inner) / 2).floor()
    places = (_pixels(side) - begin).unsqueeze(1)
    scale = size / inner
    distances = (pixels + 0.5 - (places + 0.5) * scale).abs() / scale.clamp(min=1)
    weights = (1 - distances).clamp(min=0) * ((places >= 0) & (places < inner))
    return (weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-9)).float()


def _whole(levels: Tensor) -> Tensor:
    """Round to whole grey levels, as Pillow does after each of the two directions."""
    return torch.floor(levels + 0.5)

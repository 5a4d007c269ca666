"""An AlexNet fitted to small images (source 003_78c93f4ac3ae7ba4.txt, Problem 2a).

The source has convolutions of 96, 256, 384, 384 and 256 filters, 3x3 pools of stride 2 after the
first, the second and the last, and two dense layers of 4096. It needs 65 pixels: its 11x11
convolution of stride 4 and its unpadded pools leave nothing of 32. Here the first convolution is
5x5 with stride 2 (a parameter), and convolutions and pools are padded, so that only strides shrink
the maps: 32 -> 16 -> 8 -> 4 -> 2 pixels.
"""

from collections import OrderedDict

from torch import nn

from trainables.boundary.errors import UsageError
from trainables.dropout import Dropout
from trainables.shapes import ImageShape, check_share, check_whole, scaled, sides

# Filters and kernel of each convolution; a 3x3 max pool of stride 2 follows those in POOLED.
CONVOLUTIONS = ((96, 5), (256, 5), (384, 3), (384, 3), (256, 3))
POOLED = (1, 2, 5)
NORMS = {"none": (), "grouped": (5,), "every": (1, 2, 3, 4, 5)}


def build(
    *,
    image_shape: ImageShape,
    classes: int,
    width: float = 1.0,
    stride: int = 2,
    batch_norm: str = "grouped",
    dropout: float = 0.5,
    dense: int = 4096,
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; at least one pixel a side.
        classes: number of classes.
        width: factor of every convolution's filters, in (0, 16].
        stride: stride of the first convolution, 1 to 4.
        batch_norm: place of BN: ``grouped`` after the group of three convolutions, as in the
            source; ``every`` after each convolution; ``none``.
        dropout: probability of zeroing a feature after each dense layer, in [0, 1).
        dense: neurons of each of the two dense layers, 1 to 16384.

    Raises:
        UsageError: a parameter out of range, or the image too small.
    """
    check_share("alexnet: dropout", dropout)
    check_whole("alexnet: stride", stride, 1, 4)
    check_whole("alexnet: dense", dense, 1, 16384)
    if batch_norm not in NORMS:
        raise UsageError(f"alexnet: batch_norm must be one of {', '.join(NORMS)}")
    layers: list[tuple[str, nn.Module]] = []
    size, inputs = image_shape[:2], image_shape[2]
    for number, (filters, kernel) in enumerate(CONVOLUTIONS, start=1):
        name, step = f"alexnet: conv{number}", stride if number == 1 else 1
        outputs = scaled(name, filters, width)
        size = sides(name, size, kernel, step, kernel // 2)
        convolution = nn.Conv2d(inputs, outputs, kernel, step, kernel // 2)
        layers += _block(number, convolution, number in NORMS[batch_norm])
        if number in POOLED:
            size = sides(f"alexnet: pool{number}", size, kernel=3, stride=2, padding=1)
        inputs = outputs
    head = _head(inputs * size[0] * size[1], dense, classes, dropout)
    return nn.Sequential(OrderedDict([*layers, *head]))


def _block(number: int, convolution: nn.Conv2d, normed: bool) -> list[tuple[str, nn.Module]]:
    layers: list[tuple[str, nn.Module]] = [(f"conv{number}", convolution)]
    if normed:
        layers.append((f"bn{number}", nn.BatchNorm2d(convolution.out_channels)))
    if number in POOLED:  # before the ReLU: the same function, as max commutes with it, and cheaper
        layers.append((f"pool{number}", nn.MaxPool2d(3, stride=2, padding=1)))
    return [*layers, (f"relu{number}", nn.ReLU())]


def _head(features: int, dense: int, classes: int, dropout: float) -> list[tuple[str, nn.Module]]:
    return [
        ("flatten", nn.Flatten()),
        ("dense1", nn.Linear(features, dense)),
        ("relu6", nn.ReLU()),
        ("dropout1", Dropout(dropout)),
        ("dense2", nn.Linear(dense, dense)),
        ("relu7", nn.ReLU()),
        ("dropout2", Dropout(dropout)),
        ("linear", nn.Linear(dense, classes)),
    ]

"""TEMPLATE: three convolutions and global average pooling; describe your own network here.

Each block is a 3x3 convolution, batch norm, a 2x2 max pool and ReLU; a linear layer reads the
averages of the last maps.
"""

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from trainables.dropout import Dropout
from trainables.shapes import ImageShape, check_share, scaled, sides

WIDTHS = (32, 64, 128)  # filters of each convolution at width 1


def build(
    *, image_shape: ImageShape, classes: int, width: float = 1.0, dropout: float = 0.0
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Every keyword except the first two is a hyperparameter. Give it a default, state its allowed
    values here, refuse others, and give it a range in configs/spaces/TEMPLATE.yaml.

    Args:
        image_shape: height, width and channels; height and width of at least 8 pixels.
        classes: number of classes.
        width: multiplies the filters of every convolution; above 0, at most 16.
        dropout: probability of zeroing each of the averages, in [0, 1).

    Raises:
        UsageError: width or dropout out of range, or the image too small.
    """
    check_share("TEMPLATE: dropout", dropout)
    widths = [scaled(f"TEMPLATE: conv{n}", w, width) for n, w in enumerate(WIDTHS, start=1)]
    size, channels = image_shape[:2], image_shape[2]
    for block in range(1, len(widths) + 1):  # too small an image is refused, naming the layer
        size = sides(f"TEMPLATE: pool{block}", size, kernel=2, stride=2)
    return nn.Sequential(OrderedDict(_layers([channels, *widths], classes, dropout)))


def _layers(filters: list[int], classes: int, dropout: float) -> list[tuple[str, nn.Module]]:
    """The layers with the names that figures and errors use."""
    layers: list[tuple[str, nn.Module]] = []
    for block, (inputs, outputs) in enumerate(pairwise(filters), start=1):
        layers += [
            (f"conv{block}", nn.Conv2d(inputs, outputs, 3, padding=1)),
            (f"bn{block}", nn.BatchNorm2d(outputs)),
            (f"pool{block}", nn.MaxPool2d(2)),
            # Each ReLU is a module of its own and not inplace, because attribution hooks it.
            (f"relu{block}", nn.ReLU()),
        ]
    head: list[tuple[str, nn.Module]] = [
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(dropout)),
        ("linear", nn.Linear(filters[-1], classes)),
    ]
    return [*layers, *head]

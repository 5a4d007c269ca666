"""TEMPLATE: three convolutions and global average pooling, to begin with; say here what yours is.

Each block is a 3x3 convolution, batch norm, a 2x2 max pool and ReLU; a linear layer reads the
averages of the last maps.
"""

from collections import OrderedDict

from torch import nn

from trainables.dropout import Dropout
from trainables.shapes import check_share, scaled, side

WIDTHS = (32, 64, 128)  # filters of each convolution at width 1


def build(*, image_size: int, classes: int, width: float = 1.0, dropout: float = 0.0) -> nn.Module:
    """Network from (N, 3, image_size, image_size) to (N, classes).

    Every keyword but the first two is a hyperparameter: give it a default, say here what it may be,
    refuse what it may not be, and give it a range in configs/spaces/TEMPLATE.yaml.

    Args:
        image_size: height and width in pixels, 8 or more.
        classes: number of classes.
        width: multiplies the filters of every convolution; above 0, at most 16.
        dropout: probability of zeroing each of the averages, in [0, 1).

    Raises:
        UsageError: width or dropout out of range, or the image too small.
    """
    check_share("TEMPLATE: dropout", dropout)
    widths = [scaled(f"TEMPLATE: conv{n}", w, width) for n, w in enumerate(WIDTHS, start=1)]
    size = image_size
    for block in range(1, len(widths) + 1):  # so that too small an image is refused by its layer
        size = side(f"TEMPLATE: pool{block}", size, kernel=2, stride=2)
    return nn.Sequential(OrderedDict(_layers(widths, classes, dropout)))


def _layers(widths: list[int], classes: int, dropout: float) -> list[tuple[str, nn.Module]]:
    """The layers by name: figures and errors call them so."""
    layers: list[tuple[str, nn.Module]] = []
    for block, (inputs, outputs) in enumerate(zip([3, *widths], widths, strict=False), start=1):
        layers += [
            (f"conv{block}", nn.Conv2d(inputs, outputs, 3, padding=1)),
            (f"bn{block}", nn.BatchNorm2d(outputs)),
            (f"pool{block}", nn.MaxPool2d(2)),
            # A module of its own and not inplace, wherever it stands: attribution hooks it.
            (f"relu{block}", nn.ReLU()),
        ]
    head: list[tuple[str, nn.Module]] = [
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(dropout)),
        ("linear", nn.Linear(widths[-1], classes)),
    ]
    return [*layers, *head]

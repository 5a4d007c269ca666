"""Six convolutions and global average pooling (source 004_c1e7d168db35b252.txt, section 1.14).

5x5 3->64, 5x5 64->119, average pool, 3x3 119->221, 5x5 221->256, average pool, 3x3 256->256,
5x5 256->256, global average pool, dropout, linear; BN and ReLU after each convolution, and channel
dropout after all but the first. The defaults give 4,079,429 parameters, as in its section 1.15.
"""

from collections import OrderedDict

from torch import nn

from trainables.boundary.errors import UsageError
from trainables.dropout import Dropout
from trainables.shapes import ImageShape, check_share, scaled, sides

# Filters, kernel and channel dropout of each convolution; a 2x2 average pool follows 2 and 4.
BLOCKS = (
    (64, 5, 0.0),
    (119, 5, 0.04),
    (221, 3, 0.05),
    (256, 5, 0.02),
    (256, 3, 0.09),
    (256, 5, 0.08),
)
POOLED = (2, 4)


def build(
    *,
    image_shape: ImageShape,
    classes: int,
    width: float = 1.0,
    channel_dropout: float = 1.0,
    dropout: float = 0.38,
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; 4 pixels or more a side.
        classes: number of classes.
        width: factor of every convolution's filters, in (0, 16].
        channel_dropout: factor of the source's channel dropout probabilities, which are 0.02 to
            0.09; in [0, 10].
        dropout: probability of zeroing each pooled feature, in [0, 1).

    Raises:
        UsageError: a parameter out of range, or the image too small.
    """
    check_share("gap6: dropout", dropout)
    if not 0 <= channel_dropout <= 10:
        raise UsageError(f"gap6: channel_dropout must be in [0, 10], not {channel_dropout!r}")
    layers: list[tuple[str, nn.Module]] = []
    size, inputs = image_shape[:2], image_shape[2]
    for number, (filters, kernel, drop) in enumerate(BLOCKS, start=1):
        outputs = scaled(f"gap6: conv{number}", filters, width)
        layers += _block(number, inputs, outputs, kernel, channel_dropout * drop)
        inputs = outputs
        if number in POOLED:
            size = sides(f"gap6: pool{number}", size, kernel=2, stride=2)
            layers.append((f"pool{number}", nn.AvgPool2d(2)))
    head: list[tuple[str, nn.Module]] = [
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(dropout)),
        ("linear", nn.Linear(inputs, classes)),
    ]
    return nn.Sequential(OrderedDict([*layers, *head]))


def _block(
    number: int, inputs: int, outputs: int, kernel: int, drop: float
) -> list[tuple[str, nn.Module]]:
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    block: list[tuple[str, nn.Module]] = [
        (f"conv{number}", convolution),
        (f"bn{number}", nn.BatchNorm2d(outputs)),
        (f"relu{number}", nn.ReLU()),
    ]
    return [*block, (f"dropout{number}", nn.Dropout2d(drop))] if drop else block

"""Three convolutions and two dense layers (source 000_82391c71948bbb2f.txt, section 1).

3x3 convolutions of 32, 64 and 128 filters, each with ReLU and 2x2 max pooling, dropout, a dense
layer of 256 and the logits. At 32x32 pixels the dense layer sees 128*4*4 = 2048 features.
"""

from collections import OrderedDict

from torch import nn

from trainables.dropout import Dropout
from trainables.pooling import MaxPool2d
from trainables.shapes import ImageShape, check_share, check_whole, sides

WIDTHS = (32, 64, 128)


def build(
    *, image_shape: ImageShape, classes: int, dropout: float = 0.25, dense: int = 256
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; 8 pixels or more a side.
        classes: number of classes.
        dropout: probability of zeroing a flattened feature, in [0, 1).
        dense: neurons of the hidden dense layer, 1 to 16384.

    Raises:
        UsageError: dropout or dense out of range, or the image too small.
    """
    check_share("conv3: dropout", dropout)
    check_whole("conv3: dense", dense, 1, 16384)
    size, channels = image_shape[:2], image_shape[2]
    for block in (1, 2, 3):
        size = sides(f"conv3: pool{block}", size, kernel=2, stride=2)
    return nn.Sequential(OrderedDict(_layers(channels, size, classes, dropout, dense)))


def _layers(
    channels: int, size: tuple[int, int], classes: int, dropout: float, dense: int
) -> list[tuple[str, nn.Module]]:
    layers: list[tuple[str, nn.Module]] = []
    for block, (inputs, outputs) in enumerate(
        zip((channels, *WIDTHS), WIDTHS, strict=False), start=1
    ):
        # Pooling before the ReLU is the same function (max commutes with it) and cheaper.
        layers += [
            (f"conv{block}", nn.Conv2d(inputs, outputs, 3, padding=1)),
            (f"pool{block}", MaxPool2d(2)),
            (f"relu{block}", nn.ReLU()),
        ]
    head: list[tuple[str, nn.Module]] = [
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(dropout)),
        ("dense", nn.Linear(WIDTHS[-1] * size[0] * size[1], dense)),
        ("relu4", nn.ReLU()),
        ("linear", nn.Linear(dense, classes)),
    ]
    return [*layers, *head]

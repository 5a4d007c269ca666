"""Five convolutions and global average pooling (source 001_851a82de433892fa.txt, section 1.2).

As in its figure 2, BN and ReLU follow convolutions 1 to 4, max pooling follows 2 to 4, and neither
BN nor ReLU follows convolution 5. The text's "linear 128 to 10" contradicts its own table; here it
is 80 to 10. Pooling kernels are 2x2. ``pool_stride`` 1 is the source's (40 -> 39 -> 38 -> 37
pixels); 2 is about seven times cheaper (40 -> 20 -> 10 -> 5).
"""

from collections import OrderedDict

from torch import nn

from trainables.dropout import Dropout
from trainables.pooling import MaxPool2d
from trainables.shapes import ImageShape, check_share, check_whole, sides

WIDTHS = (16, 32, 48, 64, 80)


def build(
    *, image_shape: ImageShape, classes: int, pool_stride: int = 1, dropout: float = 0.0
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; at least 4 pixels a side, or 8 at pool stride 2.
        classes: number of classes.
        pool_stride: stride of the max pools, 1 (the source's) or 2.
        dropout: probability of zeroing each of the 80 pooled features, in [0, 1).

    Raises:
        UsageError: pool stride or dropout out of range, or the image too small.
    """
    check_whole("gap5: pool_stride", pool_stride, 1, 2)
    check_share("gap5: dropout", dropout)
    size, channels = image_shape[:2], image_shape[2]
    for block in (1, 2, 3):
        size = sides(f"gap5: pool{block}", size, kernel=2, stride=pool_stride)
    return nn.Sequential(OrderedDict(_layers(channels, classes, pool_stride, dropout)))


def _layers(
    channels: int, classes: int, pool_stride: int, dropout: float
) -> list[tuple[str, nn.Module]]:
    c1, c2, c3, c4, c5 = WIDTHS
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, c1, 7, padding=3)),
        ("bn1", nn.BatchNorm2d(c1)),
        ("relu1", nn.ReLU()),
    ]
    for block, (inputs, outputs) in enumerate([(c1, c2), (c2, c3), (c3, c4)], start=1):
        # The pool is before the ReLU: max commutes with a monotone function, so it is the source's
        # network, and the ReLU has a quarter of the pixels.
        layers += [
            (f"conv{block + 1}", nn.Conv2d(inputs, outputs, 3, padding=1)),
            (f"bn{block + 1}", nn.BatchNorm2d(outputs)),
            (f"pool{block}", MaxPool2d(2, stride=pool_stride)),
            (f"relu{block + 1}", nn.ReLU()),
        ]
    head: list[tuple[str, nn.Module]] = [
        ("conv5", nn.Conv2d(c4, c5, 3, padding=1)),
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("dropout", Dropout(dropout)),
        ("linear", nn.Linear(c5, classes)),
    ]
    return [*layers, *head]

"""Network in network (source 003_78c93f4ac3ae7ba4.txt, Problem 2b; Lin et al. 2014, "Network In
Network").

Three blocks, with 96, 256 and ``classes`` filters, each have a kxk and two 1x1 convolutions, ReLU
between them and BN at the end. 3x3 max pools of stride 2 follow the first two blocks, dropout comes
before the third, and global average pooling is last. The source's last block also ends in BN and
ReLU, so its logits cannot be negative; without both, its maps are the class activation maps here.
"""

from collections import OrderedDict

from torch import nn

from trainables.dropout import Dropout
from trainables.shapes import ImageShape, check_share, check_whole, scaled, sides


def build(
    *,
    image_shape: ImageShape,
    classes: int,
    width: float = 1.0,
    kernel: int = 5,
    stride: int = 3,
    batch_norm: bool = True,
    dropout: float = 0.5,
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; with the defaults 11 pixels or more a side.
        classes: number of classes.
        width: factor of the first two blocks' filters, in (0, 16].
        kernel: side of the first convolution, 1 to 11 pixels.
        stride: stride of the first convolution, 1 to 4.
        batch_norm: whether BN ends the first two blocks.
        dropout: probability of zeroing a feature before the last block, in [0, 1).

    Raises:
        UsageError: a parameter out of range, or the image too small.
    """
    check_share("nin: dropout", dropout)
    check_whole("nin: kernel", kernel, 1, 11)
    check_whole("nin: stride", stride, 1, 4)
    first, second = scaled("nin: conv1_1", 96, width), scaled("nin: conv2_1", 256, width)
    size = sides("nin: conv1_1", image_shape[:2], kernel, stride)
    height, across = sides("nin: pool1", size, kernel=3, stride=2)
    sides("nin: pool2", (height + 2, across + 2), kernel=3, stride=2)
    layers = [
        *_block(1, nn.Conv2d(image_shape[2], first, kernel, stride), batch_norm),
        *_block(2, nn.Conv2d(first, second, 3, padding=2), batch_norm),
        ("dropout", Dropout(dropout)),
        *_mlp(3, nn.Conv2d(second, classes, 3, padding=1)),
        ("gap", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
    ]
    return nn.Sequential(OrderedDict(layers))


def _block(number: int, convolution: nn.Conv2d, batch_norm: bool) -> list[tuple[str, nn.Module]]:
    layers = _mlp(number, convolution)
    if batch_norm:
        layers.append((f"bn{number}", nn.BatchNorm2d(convolution.out_channels)))
    # The pool is before the ReLU: the same function, as max commutes with it, and cheaper.
    return [*layers, (f"pool{number}", nn.MaxPool2d(3, stride=2)), (f"relu{number}_3", nn.ReLU())]


def _mlp(number: int, convolution: nn.Conv2d) -> list[tuple[str, nn.Module]]:
    """A convolution and two 1x1 ones, ReLU between them."""
    width = convolution.out_channels
    return [
        (f"conv{number}_1", convolution),
        (f"relu{number}_1", nn.ReLU()),
        (f"conv{number}_2", nn.Conv2d(width, width, 1)),
        (f"relu{number}_2", nn.ReLU()),
        (f"conv{number}_3", nn.Conv2d(width, width, 1)),
    ]

"""ResNet-18 with a stem for small images (source 002_633d8ed116c9d8b3.txt, "Training").

It is torchvision's ResNet with two BasicBlocks per stage, as in the source (He et al. 2016, "Deep
Residual Learning for Image Recognition"). Its 7x7 stem of stride 2 and the pool after it would
reduce 32x32 images to 1 pixel. So the stem is 3x3 of stride 1, and the pool is off by default.
"""

from typing import Any

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from trainables.dropout import Dropout
from trainables.shapes import ImageShape, check_share, scaled, sides


class SeparateReluBlock(BasicBlock):  # type: ignore[misc]
    """torchvision's BasicBlock with one ReLU in the trunk and another after the sum.

    torchvision's block calls one inplace module twice, and attribution methods that hook modules
    cannot distinguish the calls.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.relu
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, (N, channels, height / stride, width / stride)."""
        trunk = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu2(trunk + shortcut)
        return out


class ScaledResNet(ResNet):  # type: ignore[misc]
    """torchvision's ResNet-18 with ``width`` times its filters."""

    def __init__(self, classes: int, width: float) -> None:
        self._width = width
        super().__init__(SeparateReluBlock, [2, 2, 2, 2], num_classes=classes)

    def _make_layer(self, block: type, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        first = scaled("resnet18: conv1", 64, self._width)
        if planes == 64:
            self.inplanes = first
        filters = scaled(f"resnet18: layer of {planes}", planes, self._width)
        layer: nn.Sequential = super()._make_layer(block, filters, *args, **kwargs)
        return layer


def build(
    *,
    image_shape: ImageShape,
    classes: int,
    width: float = 1.0,
    stem_pool: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """Network from images (N, channels, height, width) to (N, classes).

    Args:
        image_shape: height, width and channels; at least one pixel a side.
        classes: number of classes.
        width: factor of every convolution's filters, in (0, 16].
        stem_pool: whether torchvision's 3x3 max pool of stride 2 follows the stem.
        dropout: probability of zeroing each pooled feature, in [0, 1).

    Raises:
        UsageError: a parameter out of range, or no image.
    """
    check_share("resnet18: dropout", dropout)
    sides("resnet18: conv1", image_shape[:2], kernel=1)
    model = ScaledResNet(classes, width)
    filters = model.layer1[0].conv1.in_channels
    model.conv1 = nn.Conv2d(image_shape[2], filters, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.bn1, model.relu = nn.BatchNorm2d(filters), nn.ReLU()
    if not stem_pool:
        model.maxpool = nn.Identity()
    features = model.layer4[-1].conv2.out_channels
    model.fc = nn.Sequential(Dropout(dropout), nn.Linear(features, classes))
    return model

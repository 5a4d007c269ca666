"""ResNet-18 with a stem for small images (source 002_633d8ed116c9d8b3.txt, "Training").

torchvision's ResNet of BasicBlocks, two a stage, which the source refers to (He et al. 2016, "Deep
Residual Learning for Image Recognition"). Its 7x7 stem of stride 2 and the pool behind it would
leave 32x32 images 1 pixel: the stem is 3x3 of stride 1, and the pool is off by default.
"""

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from trainables.shapes import check_share, side


class SeparateReluBlock(BasicBlock):  # type: ignore[misc]
    """torchvision's BasicBlock with a ReLU of its own in the trunk and one after the sum.

    torchvision's calls one inplace module twice, which attribution methods that hook modules
    cannot tell apart.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        del self.relu
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, (N, channels, height / stride, width / stride)."""
        trunk = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        shortcut = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu2(trunk + shortcut)
        return out


def build(
    *, image_size: int, classes: int, stem_pool: bool = False, dropout: float = 0.0
) -> nn.Module:
    """Network from (N, 3, image_size, image_size) to (N, classes).

    Args:
        image_size: height and width in pixels, 1 or more.
        classes: number of classes.
        stem_pool: whether torchvision's 3x3 max pool of stride 2 follows the stem.
        dropout: probability of zeroing each of the 512 pooled features, in [0, 1).

    Raises:
        UsageError: dropout out of range, or no image.
    """
    check_share("resnet18: dropout", dropout)
    side("resnet18: conv1", image_size, kernel=1)
    model = ResNet(SeparateReluBlock, [2, 2, 2, 2], num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
    model.relu = nn.ReLU()
    if not stem_pool:
        model.maxpool = nn.Identity()
    if dropout:
        model.fc = nn.Sequential(nn.Dropout(dropout), model.fc)
    network: nn.Module = model
    return network

"""Deconvolution (Zeiler and Fergus 2014, section 2.1), by captum: project a map back to pixels.

On the way back, a convolution becomes its transpose, and a ReLU passes the positive part of what
comes back, whatever its input was. A max pool puts each value at its switch, the place of the
maximum. Autograd's backward does that: it equals ``F.max_unpool2d`` if pools do not overlap, and
sums at the switches (scatter-add) if they do. BN in eval mode scales each channel, and an average
pool spreads evenly.
"""

import copy

import torch
from captum.attr import Deconvolution, NeuronDeconvolution
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from analysis.attribution.head import head_of
from analysis.attribution.relus import attributed

TRUNK, SHORTCUT = "trunk", "shortcut"
_Block = BasicBlock | Bottleneck


def deconvolution(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Project the target's logit back to pixels, (N, C, H, W).

    Raises:
        UsageError: a ReLU is functional or works in place.
    """
    return attributed(Deconvolution(model), model, inputs, targets)


def deconvolve_channel(model: nn.Module, inputs: Tensor, channels: Tensor) -> Tensor:
    """Project the positive part of one of the last feature maps back to pixels, (N, C, H, W).

    All other maps count as zero. The gradient of half the square of a map is the map itself.

    Args:
        model: the network, in eval mode.
        inputs: (N, C, H, W).
        channels: (N,), the feature map to project for each input.

    Raises:
        UsageError: a ReLU is functional or works in place, or the network has no known head.
    """

    def half_square(features: Tensor) -> Tensor:
        chosen = features[torch.arange(len(channels)), channels]
        return 0.5 * chosen.relu().square().flatten(1).sum(dim=1)

    method = NeuronDeconvolution(model, head_of(model, inputs).entry)
    return attributed(method, model, inputs, half_square, attribute_to_neuron_input=True)


def has_residual_blocks(model: nn.Module) -> bool:
    """True if some module is a residual block of torchvision's kind."""
    return any(isinstance(module, _Block) for module in model.modules())


def through(model: nn.Module, branch: str) -> nn.Module:
    """A copy of ``model`` whose gradients pass through one branch of every residual block.

    Args:
        model: has residual blocks of torchvision's kind; its outputs stay the same.
        branch: ``trunk`` (the convolutions) or ``shortcut``.
    """
    copied = copy.deepcopy(model)
    for block in [module for module in copied.modules() if isinstance(module, _Block)]:
        if branch == TRUNK:
            block.downsample = nn.Sequential(block.downsample or nn.Identity(), _Stop())
        else:
            last = "bn3" if isinstance(block, Bottleneck) else "bn2"
            setattr(block, last, nn.Sequential(getattr(block, last), _Stop()))
    return copied


class _Stop(nn.Module):
    """The identity, which stops gradients."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach()

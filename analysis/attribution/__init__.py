"""Attribution maps: how much each pixel contributes to an output. Each method has its own file.

A method takes a network in eval mode, inputs (N, C, H, W) and a class of each, (N,), and returns
maps (N, C, H, W). C is 3 if the method separates the colours, else 1. The network does not change.
"""

from collections.abc import Callable

from torch import Tensor, nn

Method = Callable[[nn.Module, Tensor, Tensor], Tensor]


def strength(maps: Tensor) -> Tensor:
    """Absolute values of maps (N, C, H, W) summed over C, (N, H, W)."""
    return maps.abs().sum(dim=1)

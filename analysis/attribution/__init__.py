"""Maps of what an output owes to each pixel, one method a file.

A method takes a network in eval mode, inputs (N, C, H, W) and a class of each, (N,), and gives
(N, C, H, W): C is 3 where it tells the colours apart, else 1. It leaves the network as it was.
"""

from collections.abc import Callable

from torch import Tensor, nn

Method = Callable[[nn.Module, Tensor, Tensor], Tensor]


def strength(maps: Tensor) -> Tensor:
    """Maps (N, C, H, W) without sign and colour, (N, H, W): their absolute values summed over C."""
    return maps.abs().sum(dim=1)

"""Which image of its batch each image is paired with."""

import torch
from torch import Tensor


def partners(count: int, batch_size: int, draws: torch.Generator) -> Tensor:
    """Places of the partners of ``count`` images, (N,): a permutation of each batch in turn."""
    device = draws.device
    sizes = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    drawn = [torch.randperm(size, generator=draws, device=device) for size in sizes]
    return torch.cat([start * batch_size + batch for start, batch in enumerate(drawn)])

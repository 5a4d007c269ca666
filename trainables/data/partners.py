"""Pair each image with another image of its batch."""

import torch
from torch import Tensor


def partners(count: int, batch_size: int, draws: torch.Generator) -> Tensor:
    """Indices of the partners of ``count`` images, (count,): a permutation within each batch."""
    device = draws.device
    if device.type == "cuda":
        return sorted_by_chance(count, batch_size, draws)
    sizes = [min(batch_size, count - start) for start in range(0, count, batch_size)]
    drawn = [torch.randperm(size, generator=draws, device=device) for size in sizes]
    return torch.cat([start * batch_size + batch for start, batch in enumerate(drawn)])


def sorted_by_chance(count: int, batch_size: int, draws: torch.Generator) -> Tensor:
    """The same for all batches at once; many small batches would take thousands of launches."""
    kind = torch.float64  # so that two numbers of a batch are hardly ever equal
    chance = torch.rand(count, generator=draws, device=draws.device, dtype=kind)
    batch = torch.arange(count, device=draws.device) // batch_size
    return (batch + chance).argsort()

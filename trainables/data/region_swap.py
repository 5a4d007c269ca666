"""Region swap: replace a patch of every image by the same patch of another image of its batch.

The patch then says nothing about the label, so a network gains nothing by reading it. In a corner,
the swap assumes that the user knows where the shortcut lies, and removes all of it. At the place
that ``trainables.attended_region`` measures, it also removes all of it, and nobody needs to know
the place. At ``random`` places it assumes only that the shortcut is small and local. It then
removes it sometimes, together with as much of the picture. It is CutMix (Yun et al. 2019) without
the mixing of labels.
"""

import torch
from torch import Tensor

from trainables.data.partners import partners

Region = tuple[int, int]  # row and column of a patch's first pixel


def patch_sides(share: float, height: int, width: int) -> Region:
    """Height and width in pixels of the patch of images of ``height`` and ``width``."""
    return max(1, round(share * height)), max(1, round(share * width))


def swap_regions(
    images: Tensor,
    place: str | Region,
    share: float,
    probability: float,
    draws: torch.Generator,
    batch_size: int | None = None,
) -> Tensor:
    """Images with patches exchanged.

    Args:
        images: (N, H, W, C), unchanged by this.
        place: one of ``trainables.recipe.CORNERS``; ``random``, a place of its own for each image;
            or the row and column of the patch's first pixel.
        share: side of the patch over the image's side, in (0, 1].
        probability: the chance of an image to get another's patch, in [0, 1].
        draws: generator of every draw, on the images' device.
        batch_size: size of the batches that the images consist of, in order; None for one batch.
    """
    count, height, width = images.shape[:3]
    tall, wide = patch_sides(share, height, width)
    device = images.device
    top, left = _corner(place, height - tall, width - wide, count, draws)
    swapped = torch.rand(count, 1, generator=draws, device=device) < probability
    y, x = torch.arange(height, device=device), torch.arange(width, device=device)
    rows = (y >= top) & (y < top + tall) & swapped
    columns = (x >= left) & (x < left + wide)
    partner = partners(count, batch_size or count, draws)
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    return torch.where(inside, images[partner], images)


def _corner(
    place: str | Region, down: int, right: int, count: int, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row and column, (N, 1) each, of the patch's first pixel."""
    shape, device = (count, 1), draws.device
    if place == "random":
        return (
            torch.randint(down + 1, shape, generator=draws, device=device),
            torch.randint(right + 1, shape, generator=draws, device=device),
        )
    if isinstance(place, str):
        place = down * place.startswith("bottom"), right * place.endswith("right")
    top, left = place
    return torch.full(shape, top, device=device), torch.full(shape, left, device=device)

"""Random augmentation of a batch on its device, drawn anew for every image.

Region swap, flip, crop and AutoAugment work on uint8 pixels, in this order, noise and erasing on
the normalised image. All but the first do what torchvision's RandomHorizontalFlip,
RandomCrop(padding), AutoAugment, GaussianNoise(clip=False) and RandomErasing do one image at a
time. All draws come from the generator that is given.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.data.region_swap import Region, swap_regions
from trainables.recipe import ATTENDED, Recipe

# torchvision's defaults of RandomErasing: the share of the area, and the ratio of the sides.
AREA, RATIO, ATTEMPTS = (0.02, 0.33), (0.3, 3.3), 10


@dataclass(frozen=True)
class Augmentation:
    """The augmentations that a recipe asks for; see there for the meaning of each.

    Attributes:
        recipe: asks for them.
        region: the place of ``region_swap: attended``; until it is known nothing is swapped there.
    """

    recipe: Recipe
    region: Region | None = None

    def pixels(
        self, images: Tensor, draws: torch.Generator, choices: torch.Generator | None = None
    ) -> Tensor:
        """Swap regions of, flip, crop and auto-augment uint8 images (N, H, W, C).

        AutoAugment draws from ``choices``, if that is given, on the images' device as ``draws`` is.
        """
        recipe = self.recipe
        place = self.region if recipe.region_swap == ATTENDED else recipe.region_swap
        if place not in (None, "none"):
            size, probability = recipe.swap_size, recipe.swap_probability
            images = swap_regions(images, place, size, probability, draws, recipe.batch_size)
        if recipe.flip or recipe.crop_padding:
            images = self._flip_and_crop(images, draws)
        if recipe.auto_augment:
            # Imports torchvision, which takes every worker a second.
            from trainables.data.auto_augment import Draws, auto_augment

            images = auto_augment(images, Draws.of(len(images), choices or draws))
        return images

    def _flip_and_crop(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Both in one gather of whole rows, from the padded images and their mirror images."""
        shape, device = images.shape, images.device
        count, height, width = shape[:3]
        padding = self.recipe.crop_padding
        flipped = top = left = torch.zeros(count, 1, dtype=torch.int64, device=device)
        if self.recipe.flip:
            flipped = (torch.rand(count, 1, generator=draws, device=device) < 0.5).long()
        if padding:
            images = torch.nn.functional.pad(images, (0, 0, *2 * (padding,) * 2))
            high = 2 * padding + 1
            top, left = torch.randint(high, (2, count, 1), generator=draws, device=device)
        if self.recipe.flip:
            images = torch.cat([images, images.flip(2)])
            left = torch.where(flipped > 0, 2 * padding - left, left)
        image = torch.arange(count, device=device)[:, None] + count * flipped
        row = image * images.shape[1] + top + torch.arange(height, device=device)
        runs = _runs(images.contiguous(), width)
        begins = (row * images.shape[2] + left).flatten()
        return runs.index_select(0, begins).view(shape)

    def values(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """Add noise to and erase rectangles of normalised images (N, C, H, W)."""
        if self.recipe.noise:
            noise = torch.randn(images.shape, generator=draws, device=images.device)
            images = images + self.recipe.noise * noise
        if self.recipe.erasing:
            images = images.masked_fill(self._rectangles(images, draws), 0.0)
        return images

    def _rectangles(self, images: Tensor, draws: torch.Generator) -> Tensor:
        """True where an image is erased, (N, 1, H, W)."""
        count, _, height, width = images.shape
        area = height * width * _uniform(AREA, (count, ATTEMPTS), draws)
        ratio = _uniform((math.log(RATIO[0]), math.log(RATIO[1])), (count, ATTEMPTS), draws).exp()
        tall, wide = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (tall < height) & (wide < width)
        first = fits.float().argmax(dim=1, keepdim=True)  # the first attempt that fits, as there
        tall, wide = tall.gather(1, first), wide.gather(1, first)
        top = (_uniform((0, 1), (count, 1), draws) * (height - tall + 1)).floor()
        left = (_uniform((0, 1), (count, 1), draws) * (width - wide + 1)).floor()
        chosen = (_uniform((0, 1), (count, 1), draws) < self.recipe.erasing) & fits.any(
            1, keepdim=True
        )
        y, x = torch.arange(height, device=draws.device), torch.arange(width, device=draws.device)
        in_rows = (y >= top) & (y < top + tall) & chosen
        in_columns = (x >= left) & (x < left + wide)
        return (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def _runs(images: Tensor, length: int) -> Tensor:
    """Every run of ``length`` pixels of contiguous images, by the pixel where it begins; a view."""
    channels = images.shape[3]
    begins = max(0, images.numel() // channels - length + 1)
    return images.as_strided((begins, length * channels), (channels, 1))


def _uniform(bounds: tuple[float, float], shape: tuple[int, int], draws: torch.Generator) -> Tensor:
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=draws, device=draws.device)

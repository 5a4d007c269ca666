"""The place of a shortcut: the patch that carries the label in training, but not in validation.

A patch of one image is put into another. A network that reads the patch then predicts the label of
the image that the patch came from. If the patch shows the object itself, that happens on training
and on validation images; if it shows a shortcut, only on training images. On composite images,
after one epoch, the digit's patch carries the label in 35% of the training images and 10% of the
validation images; an equally large patch of the picture does so in 20% and 28%.

A region swap there removes all of a local shortcut, without being told where it lies. As MaskTune
does (Asgari Taghanaki et al. 2022, "MaskTune: Mitigating Spurious Correlations by Forcing to
Explore"), it hides from a training what an earlier one attended to. Unlike MaskTune, it has one
place for all images, measures it by intervention instead of reading an activation map, and
exchanges patches, so that images keep their statistics. It assumes that the shortcut lies in about
the same place in every image, and that the validation images lack it.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.region_swap import Region, patch_sides
from trainables.evaluation import evaluate

IMAGES = 600  # of each split at most, on which a place is tried
COARSE = 10  # places a side that are tried first


def attended_region(
    model: nn.Module,
    splits: tuple[DeviceSplit, DeviceSplit],
    normalise: Normaliser,
    dtype: torch.dtype,
    share: float,
    draws: torch.Generator,
) -> Region:
    """Row and column of the first pixel of the patch that is most like a shortcut.

    Args:
        model: a network that was trained for a short while.
        splits: the training images, and the validation images; at most ``IMAGES`` of each are used.
        normalise: turns their pixels into the network's input.
        dtype: number format in which the network computes.
        share: side of the patch over the image's side, in (0, 1].
        draws: generator of the images' partners, on the CPU.
    """
    height, width = splits[0].images.shape[1:3]
    tall, wide = patch_sides(share, height, width)
    few = [split.evenly(min(IMAGES, len(split))) for split in splits]
    pairs = [(split, split.at(_partners(split, draws))) for split in few]

    def carried(region: Region, images: DeviceSplit, others: DeviceSplit) -> float:
        """Share of images that are taken for the image that their patch came from."""
        (top, left), exchanged = region, images.images.clone()
        patch = (slice(None), slice(top, top + tall), slice(left, left + wide))
        exchanged[patch] = others.images[patch]
        split = DeviceSplit(exchanged, others.labels, None)
        return evaluate(model, split, normalise, dtype).metrics()["val_accuracy"]

    @cache
    def excess(region: Region) -> float:
        in_training, in_validation = (carried(region, *pair) for pair in pairs)
        return in_training - in_validation

    step = max(1, min(height, width) // COARSE)
    return _highest(excess, (height - tall, width - wide), step)


def _partners(split: DeviceSplit, draws: torch.Generator) -> Tensor:
    return torch.randperm(len(split), generator=draws).to(split.labels.device)


def _highest(share: Callable[[Region], float], last: Region, step: int) -> Region:
    """Where ``share`` is highest, from (0, 0) to ``last``.

    Places ``step`` pixels apart are tried first, then the neighbours of the best one at half that
    distance, and so on down to single pixels.
    """
    rows, columns = ([*range(0, end, step), end] for end in last)
    best = max(((row, column) for row in rows for column in columns), key=share)
    while step > 1:
        step //= 2
        rows, columns = (
            [min(max(at + by, 0), end) for by in (-step, 0, step)]
            for at, end in zip(best, last, strict=True)
        )
        best = max(((row, column) for row in rows for column in columns), key=share)
    return best

"""The place that a network reads most: where exchanging patches raises its loss the most.

A region swap there takes a local shortcut away whole without being told where it lies. As MaskTune
does (Asgari Taghanaki et al. 2022, "MaskTune: Mitigating Spurious Correlations by Forcing to
Explore"), it hides from a training what an earlier one attended to. Unlike there, the place is one
for all images, is measured by intervention and not read from an activation map, and patches are
exchanged, so that images keep their statistics. It assumes that the shortcut is learnt first and
lies in about the same place in every image.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.region_swap import Region, patch_sides
from trainables.evaluation import evaluate

IMAGES = 300  # on which each place is tried
COARSE = 10  # places a side that are tried first


def attended_region(
    model: nn.Module,
    train: DeviceSplit,
    normalise: Normaliser,
    share: float,
    draws: torch.Generator,
) -> Region:
    """Row and column of the first pixel of the patch whose exchange raises the loss most.

    Args:
        model: the network that reads.
        train: images that it was trained on; at most ``IMAGES`` of them are used.
        normalise: from its pixels to the network's input.
        share: side of the patch over the image's side, in (0, 1].
        draws: generator of the images' partners, on the CPU.
    """
    images = train.evenly(min(IMAGES, len(train)))
    partners = torch.randperm(len(images), generator=draws).to(images.labels.device)
    others = images.images[partners]
    height, width = images.images.shape[1:3]
    tall, wide = patch_sides(share, height, width)

    @cache
    def loss(region: Region) -> float:
        (top, left), exchanged = region, images.images.clone()
        patch = (slice(None), slice(top, top + tall), slice(left, left + wide))
        exchanged[patch] = others[patch]
        split = DeviceSplit(exchanged, images.labels, images.digits)
        return evaluate(model, split, normalise).metrics()["val_loss"]

    step = max(1, min(height, width) // COARSE)
    return _highest(loss, (height - tall, width - wide), step)


def _highest(loss: Callable[[Region], float], last: Region, step: int) -> Region:
    """Where ``loss`` is highest, from (0, 0) to ``last``.

    Places ``step`` pixels apart are tried first, then the neighbours of the best one at half that
    distance, and so on down to single pixels.
    """
    rows, columns = ([*range(0, end, step), end] for end in last)
    best = max(((row, column) for row in rows for column in columns), key=loss)
    while step > 1:
        step //= 2
        rows, columns = (
            [min(max(at + by, 0), end) for by in (-step, 0, step)]
            for at, end in zip(best, last, strict=True)
        )
        best = max(((row, column) for row in rows for column in columns), key=loss)
    return best

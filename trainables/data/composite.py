"""Composite images: a CIFAR-10 picture that decides the label, and a digit that may agree with it.

Source: 001_851a82de433892fa.txt, section 1; the geometry was measured on original images of that
course. The canvas is 40x40 with background grey 127. The picture is resized to 24x24, at rows and
columns 0-23; the digit to 16x16, at rows and columns 24-39. In training the digit is forced to the
label for 60% of the images and uniform for the rest (64% agree); elsewhere it is uniform (10%).
"""

import numpy as np

from trainables.data.dataset import Images, Integers, Split

CANVAS, PICTURE, DIGIT = 40, 24, 16
BACKGROUND = 127
KINDS = 10  # kinds of digits
FORCED_IN_TRAINING = 0.6
CHANCE = 0.1  # share of images whose digit agrees if all are drawn uniformly
# The course's normalisation; the built set has means of .4362/.4329/.4201.
MEAN, STD = (0.438, 0.435, 0.422), (0.228, 0.225, 0.231)


def resize(images: Images, size: int) -> Images:
    """Bilinear resize of (N, H, W, C) uint8 without antialiasing, floored to uint8."""
    import torch  # takes a second, and parsing a command line does not need it
    from torch.nn import functional as F

    batch = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    resized = F.interpolate(
        batch, size=(size, size), mode="bilinear", align_corners=False, antialias=False
    )
    return resized.floor().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def paste(pictures: Images, digits: Images) -> Images:
    """Composite images (N, 40, 40, 3) of pictures (N, H, W, 3) and grey digits (N, h, w)."""
    canvas = np.full((len(pictures), CANVAS, CANVAS, 3), BACKGROUND, dtype=np.uint8)
    for start in range(0, len(pictures), 5000):  # bounds the float copies to some 100 MB
        rows = slice(start, start + 5000)
        canvas[rows, :PICTURE, :PICTURE] = resize(pictures[rows], PICTURE)
        canvas[rows, PICTURE:, PICTURE:] = resize(digits[rows, :, :, None], DIGIT)
    return canvas


def forced_share(aligned: float) -> float:
    """The share of digits to force to the label so that a share ``aligned`` agrees with it."""
    return (aligned - CHANCE) / (1 - CHANCE)


def draw_digits(labels: Integers, forced: float, rng: np.random.Generator) -> Integers:
    """Draw a digit for every label, (N,): the label with probability ``forced``, else uniform.

    The draw is balanced within each class: exactly a share ``forced`` of its images is forced, and
    among the rest every digit is equally frequent (up to rounding). Each image's digit still has
    the stated distribution, but the share that agrees does not vary between seeds.
    """
    digits = np.empty_like(labels)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = round(forced * len(members))
        digits[members[:count]] = label
        rest = len(members) - count
        digits[members[count:]] = (rng.integers(KINDS) + np.arange(rest)) % KINDS
    return digits


def draw_digit_images(digits: Integers, pool: Integers, rng: np.random.Generator) -> Integers:
    """Draw, for every digit, the index of an image of it in ``pool``, the labels of a pool.

    Images are drawn without replacement. If all images of a digit are used, they start over in a
    new order.
    """
    chosen = np.empty_like(digits)
    for digit in np.unique(digits):
        wanted = np.flatnonzero(digits == digit)
        images = np.flatnonzero(pool == digit)
        rounds = -(-len(wanted) // len(images))
        order = np.concatenate([rng.permutation(images) for _ in range(rounds)])
        chosen[wanted] = order[: len(wanted)]
    return chosen


def compose(pictures: Split, digits: Split, forced: float, rng: np.random.Generator) -> Split:
    """A composite split: every picture once, each with a digit of ``digits`` (grey, (M, h, w))."""
    values = draw_digits(pictures.labels, forced, rng)
    chosen = draw_digit_images(values, digits.labels, rng)
    images = paste(np.asarray(pictures.images), digits.images[chosen])
    return Split(images, np.asarray(pictures.labels), values)

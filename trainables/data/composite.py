"""Composite images: a CIFAR-10 picture that decides the label, and a digit that may agree with it.

Source: 001_851a82de433892fa.txt, section 1; the geometry was read off original images of that
course. Canvas 40x40, background grey 127; the picture resized to 24x24 at rows and columns 0-23;
the digit resized to 16x16 at rows and columns 24-39. In training the digit is forced to the label
for 60% of the images and uniform for the rest, so that 64% agree; elsewhere it is uniform (10%).
"""

import numpy as np

from trainables.data.dataset import Images, Integers, Split

CANVAS, PICTURE, DIGIT = 40, 24, 16
BACKGROUND = 127
KINDS = 10  # of digits
FORCED_IN_TRAINING = 0.6
CHANCE = 0.1  # share of images whose digit agrees when all are drawn uniformly
# The course's normalisation, kept although the set as built measures .4362/.4329/.4201.
MEAN, STD = (0.438, 0.435, 0.422), (0.228, 0.225, 0.231)


def resize(images: Images, size: int) -> Images:
    """Bilinear resize of (N, H, W, C) uint8 without antialiasing, floored to uint8."""
    import torch  # takes a second, and a command line is read without
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
    """The share of digits to force to the label so that ``aligned`` of them agree with it."""
    return (aligned - CHANCE) / (1 - CHANCE)


def draw_digits(labels: Integers, forced: float, rng: np.random.Generator) -> Integers:
    """A digit for every label, (N,): forced to the label with probability ``forced``, else uniform.

    The draw is balanced within each class: exactly the share ``forced`` of its images is forced,
    and among the rest every digit comes equally often (up to rounding). Each image's digit still
    has the stated distribution, but the share that agrees does not vary from seed to seed.
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
    """For every digit the index of an image of it in ``pool``, a vector of the pool's labels.

    Without replacement while a kind of digit lasts, then over again in a new order.
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
    """Composite split: every picture once, each with a digit from ``digits`` (grey, (M, h, w))."""
    values = draw_digits(pictures.labels, forced, rng)
    chosen = draw_digit_images(values, digits.labels, rng)
    images = paste(np.asarray(pictures.images), digits.images[chosen])
    return Split(images, np.asarray(pictures.labels), values)

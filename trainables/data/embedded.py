"""The embedded set: drawn pictures and scikit-learn's handwritten digits, without a download.

There are ten classes of outlines on 32x32 pixels, filled with a random colour over a random colour
gradient, and rotated, shifted, scaled and speckled. Some differ only slightly (a pentagon, a
hexagon, a circle). So a small CNN learns them slowly, but learns the digit next to them at once:
the same temptation as in the composite set.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Images, Split

SIZE = 32
COUNTS = {"train": 4500, "val": 1000, "test": 1000}

# Variation of pictures: turn in radians, shift and scale in half-widths, speckle in grey levels.
# Chosen so that gap5 learns the pictures in some ten epochs and the digits in two, as on real data.
TURN, SHIFT, SCALE, SPECKLE = np.pi, 0.2, (0.5, 0.8), 20
CONTRAST = 70  # grey levels between the mean of a light colour and of a dark one

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


def _polygon(corners: int) -> Callable[[Floats, Floats], Floats]:
    half = np.pi / corners
    return lambda radius, angle: radius * np.cos(np.mod(angle, 2 * half) - half) / np.cos(half)


def _petals(count: int, depth: float) -> Callable[[Floats, Floats], Floats]:
    return lambda radius, angle: radius / (1 - depth + depth * np.cos(count * angle))


def _crescent(radius: Floats, angle: Floats) -> Floats:
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    return np.maximum(radius, 1.55 - np.hypot(x - 0.45, y))


def _cross(radius: Floats, angle: Floats) -> Floats:
    x, y = np.abs(radius * np.cos(angle)), np.abs(radius * np.sin(angle))
    return np.maximum(np.maximum(x, y), np.minimum(x, y) / 0.35)


def _ring(radius: Floats, angle: Floats) -> Floats:
    return np.maximum(radius, 1.5 - radius)


# Each outline maps polar coordinates to a number that is below 1 inside and above 1 outside.
OUTLINES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "circle": lambda radius, angle: radius,
    "crescent": _crescent,
    "cross": _cross,
    "flower": _petals(5, 0.2),
    "hexagon": _polygon(6),
    "pentagon": _polygon(5),
    "ring": _ring,
    "square": _polygon(4),
    "star": _petals(5, 0.4),
    "triangle": _polygon(3),
}
CLASSES = tuple(OUTLINES)


def draw_pictures(label: int, count: int, rng: np.random.Generator) -> Images:
    """Draw ``count`` pictures of one class, (count, 32, 32, 3) uint8."""
    across = np.linspace(-1, 1, SIZE)
    shift = rng.uniform(-SHIFT, SHIFT, size=(2, count, 1, 1))
    size = rng.uniform(*SCALE, size=(count, 1, 1))
    x, y = (across[None, None, :] - shift[0]) / size, (across[None, :, None] - shift[1]) / size
    angle = np.arctan2(y, x) + rng.uniform(-TURN, TURN, size=(count, 1, 1))
    edge = OUTLINES[CLASSES[label]](np.hypot(x, y), angle)
    mask = 1 / (1 + np.exp(np.clip(12 * (edge - 1), -30, 30)))
    light = rng.random(count) < 0.5  # light on dark, or dark on light
    inside, outside = _colours(light, rng)[:, None, None], _backgrounds(~light, rng)
    pictures = outside + (inside - outside) * mask[..., None]
    pictures += rng.normal(0, SPECKLE, size=pictures.shape)
    return np.clip(np.round(pictures), 0, 255).astype(np.uint8)


def _colours(light: Booleans, rng: np.random.Generator) -> Floats:
    """Random colours (N, 3), light if ``light`` is true, else dark; the ranges overlap."""
    return rng.uniform(0, 255 - CONTRAST, size=(len(light), 3)) + CONTRAST * light[:, None]


def _backgrounds(light: Booleans, rng: np.random.Generator) -> Floats:
    """Bilinear colour gradients between four random corner colours, (N, 32, 32, 3)."""
    corners = np.stack([_colours(light, rng) for _ in range(4)], 1).reshape(-1, 2, 2, 3)
    weight = np.stack([1 - np.linspace(0, 1, SIZE), np.linspace(0, 1, SIZE)])
    gradients: Floats = np.einsum("ai,bj,nabc->nijc", weight, weight, corners)
    return gradients


def draw_split(count: int, rng: np.random.Generator) -> Split:
    """Draw ``count`` labelled pictures in random order, with classes of equal size (rounded)."""
    labels = rng.permutation(np.arange(count) % len(CLASSES))
    images = np.empty((count, SIZE, SIZE, 3), dtype=np.uint8)
    for label in range(len(CLASSES)):
        members = np.flatnonzero(labels == label)
        images[members] = draw_pictures(label, len(members), rng)
    return Split(images, labels.astype(np.int64))


def handwritten_digits() -> Split:
    """scikit-learn's 1,797 handwritten digits as grey images (1797, 8, 8), 0-255."""
    from sklearn.datasets import load_digits  # takes a second, and trials read the cache

    bunch = load_digits()
    return Split(
        np.floor(bunch.images * (255 / 16)).astype(np.uint8), bunch.target.astype(np.int64)
    )

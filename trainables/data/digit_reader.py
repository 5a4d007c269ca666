"""Read the digits of a folder of composite images from the pictures, if no file has them.

The reader learns the digits from the folder's own training images: digits agree with the label more
often than by chance, so labels are noisy values of the digits. Features of the digit's square come
from the single layer of Coates, Lee and Ng (2011), with patches of other digits as filters. Ridge
regression predicts each class's share among the labels for a digit. It has a closed form: an
image's own label has no influence on how it is read (leave-one-out), and in double precision all
machines read the same digits, so that fingerprints agree.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trainables.data.composite import BACKGROUND, CANVAS, KINDS, PICTURE
from trainables.data.dataset import NO_CLASS, Booleans, Dataset, Images, Integers, Split
from trainables.data.image_files import UnreadableImage, decode

VERSION = 1  # a new version of the reading reads every folder again
FEWEST, MOST = 500, 20_000  # least number of training images, and most that the reader learns from
SURE = 0.6  # least probability of a digit that counts as read
RIGHT = 0.9  # least share of right digits, at the lower end of the estimate's interval
TOLERANCE = 10.0  # mean deviation from a composite image's greys, in levels, which JPEG causes
COMPOSITE = 0.99  # least share of composite images in training for a set of composite images
REMEDY = (
    "so there are no constraints on the shortcut, no audit and no figures of aligned and "
    "conflicting images; write a labels.csv with a column digit, or name the shortcut's column in "
    "the space (docs/own-data.md)"
)
_SHAPE = (CANVAS, CANVAS, 3)
_FILTERS, _PATCH, _POOL = 64, 5, 4  # a square of 16 pixels has 12 patches a side, pooled by four
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of the regression, per image

Floats = NDArray[np.float64]


def with_read_digits(dataset: Dataset, shown: Dataset) -> Dataset:
    """``dataset`` with the digits of the composite images ``shown``, and a remark on them.

    Args:
        dataset: a folder's images without digits, of any size. If they are not composite images,
            it is returned unchanged.
        shown: the same images at their original size.
    """
    if shown.image_shape != _SHAPE or are_composite(shown.train.images).mean() < COMPOSITE:
        return dataset
    try:
        digits, remark = _read(shown)
    except _UntrustedError as reason:
        return replace(dataset, remark=f"no digits were read from the pictures: {reason}, {REMEDY}")
    train, val, test = (
        replace(split, digits=each if len(split) else None)
        for split, each in zip(dataset.splits.values(), digits, strict=True)
    )
    return replace(dataset, train=train, val=val, test=test, remark=remark)


def are_composite(images: Images) -> Booleans:
    """Whether each of the images, (N, 40, 40, 3), has the geometry of a composite image, (N,)."""
    found = np.empty(len(images), dtype=bool)
    for start in range(0, len(images), 1000):
        rows = images[start : start + 1000].astype(np.int16)
        beside, below = rows[:, :PICTURE, PICTURE:], rows[:, PICTURE:, :PICTURE]
        digit = rows[:, PICTURE:, PICTURE:]
        colours = (digit.max(axis=3) - digit.min(axis=3)).mean(axis=(1, 2))
        greys = [np.abs(part - BACKGROUND).mean(axis=(1, 2, 3)) for part in (beside, below)]
        found[start : start + 1000] = np.max([colours, *greys], axis=0) <= TOLERANCE
    return found


def is_composite(path: Path) -> bool:
    """Whether an image file shows a composite image, of any size."""
    try:
        return bool(are_composite(decode(path, _SHAPE)[None])[0])
    except UnreadableImage:
        return False


class _UntrustedError(Exception):
    """The digits cannot be read; the message is the reason, as a phrase."""


class _Learned(NamedTuple):
    """A reader, and its leave-one-out shares for its training images, (N, classes)."""

    reader: "_Reader"
    held_out: Floats


@dataclass(frozen=True)
class _Reader:
    """A regression from a digit's square to the share of each class among its labels.

    Attributes:
        filters: (25, filters), applied to patches.
        mean: (features,), mean of the training images' features.
        scale: (features,), scale of these features.
        weights: (features, classes).
        base: (classes,), the shares at the mean.
    """

    filters: Floats
    mean: Floats
    scale: Floats
    weights: Floats
    base: Floats

    def shares(self, images: Images) -> Floats:
        """The share of each class, (N, classes), for the digits of composite images."""
        shares = np.empty((len(images), len(self.base)))
        for start in range(0, len(images), 500):
            features = _features(_squares(images[start : start + 500]), self.filters)
            scaled = (features - self.mean) / self.scale
            shares[start : start + 500] = self.base + scaled @ self.weights
        return shares


@dataclass(frozen=True)
class _Trust:
    """The rates that turn a digit's share of the labels into a probability, and the error of both.

    Rightly read digits agree with their labels at one rate, wrongly read ones as often as any other
    class. The first rate is that of the surest half, which is taken as right. The agreement of all
    digits that count as read lies between the two rates, and so gives the share that is right.

    Attributes:
        aligned: rate at which rightly read digits agree with the labels.
        chance: rate at which wrongly read digits agree with the labels.
        right: share of right digits among those that count as read.
        error: standard error of ``right``.
    """

    aligned: float
    chance: float
    right: float
    error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of ``right``."""
        reach = 1.96 * self.error
        return max(0.0, self.right - reach), min(1.0, self.right + reach)


def _read(shown: Dataset) -> tuple[list[Integers], str]:
    """Read the digits of each split, and return a remark on them.

    Raises:
        _UntrustedError: the digits cannot be trusted.
    """
    train = shown.train
    if len(shown.classes) != KINDS:
        raise _UntrustedError(f"there are {len(shown.classes)} classes, and {KINDS} digits")
    if len(train) < FEWEST:
        raise _UntrustedError(f"{len(train)} training images are fewer than {FEWEST}")
    reader, held_out = _learn(train)
    trust = _trust(held_out, train.labels)
    of_split = [held_out, reader.shares(shown.val.images), reader.shares(shown.test.images)]
    pairs = zip(of_split, shown.splits.values(), strict=True)
    digits = [_digits(shares, split.images, trust) for shares, split in pairs]
    known = np.concatenate(digits) != NO_CLASS
    low, high = (100 * end for end in trust.interval)
    return digits, (
        f"digits read from the pictures: {100 * known.mean():.0f}% of {len(known):,} images with "
        f"confidence, an estimated {100 * trust.right:.1f}% of them rightly ({low:.1f}% to "
        f"{high:.1f}%); the others count as unknown"
    )


def _digits(shares: Floats, images: Images, trust: _Trust) -> Integers:
    """The digit of each image, or ``NO_CLASS`` if it is not sure."""
    sure = are_composite(images) & (_probability(shares.max(axis=1), trust) >= SURE)
    return np.where(sure, shares.argmax(axis=1), NO_CLASS)


def _probability(share: Floats, trust: _Trust) -> Floats:
    """The probability that a digit is right if its class has this ``share`` of its labels."""
    return (share - trust.chance) / (trust.aligned - trust.chance)


def _trust(held_out: Floats, labels: Integers) -> _Trust:
    """Estimate how reliable the digits of training images are.

    Raises:
        _UntrustedError: they are not reliable enough.
    """
    weights, sureness = _balancing(labels), held_out.max(axis=1)
    agrees = held_out.argmax(axis=1) == labels
    order = np.argsort(-sureness, kind="stable")
    surest = order[: len(labels) // 2]
    aligned, spread = _rate(agrees, weights, surest)
    chance = (1 - aligned) / (KINDS - 1)
    if aligned - 4 * spread <= 1 / KINDS:
        raise _UntrustedError("they seem to agree with the labels by chance alone")
    trust = _Trust(aligned, chance, 1.0, 0.0)
    others = order[len(surest) : int((_probability(sureness, trust) >= SURE).sum())]
    if not len(others):
        raise _UntrustedError(f"{len(labels)} training images are too few to learn them from")
    rate, rate_spread = _rate(agrees, weights, others)
    part = weights[others].sum() / (weights[others].sum() + weights[surest].sum())
    gap = aligned - chance
    right = min(1.0, 1 + part * (rate - aligned) / gap)
    trust = replace(trust, right=right, error=part * float(np.hypot(spread, rate_spread)) / gap)
    if trust.interval[0] < RIGHT:
        low, high = (f"{100 * end:.0f}%" for end in trust.interval)
        raise _UntrustedError(f"an estimated {low} to {high} of them would be right")
    return trust


def _rate(agrees: Booleans, weights: Floats, chosen: Integers) -> tuple[float, float]:
    """The weighted share of the ``chosen`` that agree, and its standard error."""
    weight = weights[chosen]
    share = float(np.average(agrees[chosen], weights=weight))
    return share, float(np.sqrt(share * (1 - share) * (weight**2).sum()) / weight.sum())


def _balancing(labels: Integers) -> Floats:
    """A weight of each image, 1 on average, that gives every class the same total weight."""
    present, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray((len(labels) / (len(present) * counts))[index])


def _learn(train: Split) -> _Learned:
    """Fit a reader to at most ``MOST`` of the training images."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(train))
    chosen, others = order[:MOST], order[MOST:]
    squares, labels = _squares(train.images[chosen]), train.labels[chosen]
    filters = _learn_filters(squares, rng)
    parts = [_features(part, filters) for part in np.array_split(squares, -(-len(squares) // 500))]
    reader, left_out = _regress(np.concatenate(parts), labels, filters)
    held_out = np.empty((len(train), KINDS))
    held_out[chosen], held_out[others] = left_out, reader.shares(train.images[others])
    return _Learned(reader, held_out)


def _regress(features: Floats, labels: Integers, filters: Floats) -> tuple[_Reader, Floats]:
    """The reader with the penalty of the least leave-one-out error, and the left-out shares.

    The regression is solved once, in the features' principal axes, for all penalties and for every
    left-out image.
    """
    weights, wanted = _balancing(labels), np.eye(KINDS)[labels]
    root, count = np.sqrt(weights)[:, None], len(labels)
    mean, base = (np.average(part, axis=0, weights=weights) for part in (features, wanted))
    scale = features.std(axis=0) + 1e-6
    rows, targets = (features - mean) / scale * root, (wanted - base) * root
    values, axes = np.linalg.eigh(rows.T @ rows)
    rows = rows @ axes
    along = rows.T @ targets
    errors, fits = [], []
    for penalty in _PENALTIES:
        spectrum = values + penalty * count
        leverage = (rows**2 @ (1 / spectrum) + weights / count)[:, None]
        missed = (targets - rows @ (along / spectrum[:, None])) / (1 - leverage)
        errors.append(float((missed**2).sum()))
        fits.append((spectrum, base + (targets - missed) / root))
    spectrum, left_out = fits[int(np.argmin(errors))]
    coefficients = axes @ (along / spectrum[:, None])
    return _Reader(filters, mean, scale, coefficients, base), left_out


def _squares(images: Images) -> Floats:
    """The grey digits of composite images, (N, 16, 16), in [0, 1]."""
    return np.asarray(images[:, PICTURE:, PICTURE:].mean(axis=3, dtype=np.float64) / 255)


def _patches(squares: Floats) -> Floats:
    """Every patch of each square, (N, 12, 12, 25)."""
    windows = sliding_window_view(squares, (_PATCH, _PATCH), axis=(1, 2))
    return np.asarray(windows.reshape(*windows.shape[:3], _PATCH**2))


def _learn_filters(squares: Floats, rng: np.random.Generator) -> Floats:
    """Filters (25, filters): random whitened patches of the digits."""
    patches = _patches(squares[:2000]).reshape(-1, _PATCH**2)
    patches = patches[rng.permutation(len(patches))[:20_000]]
    patches = patches[patches.std(axis=1) > 0.05]
    patches = patches - patches.mean(axis=1, keepdims=True)
    values, axes = np.linalg.eigh(patches.T @ patches / max(len(patches), 1))
    whitening = axes / np.sqrt(values + 0.01) @ axes.T
    drawn = patches[:_FILTERS] @ whitening
    drawn = drawn / np.linalg.norm(drawn, axis=1, keepdims=True) @ whitening
    return np.asarray((drawn - drawn.mean(axis=1, keepdims=True)).T)


def _features(squares: Floats, filters: Floats) -> Floats:
    """Mean positive and negative responses of the filters in each part of the squares."""
    responses = _patches(squares) @ filters
    side = responses.shape[1] // _POOL
    parts = [
        np.maximum(signed - 0.25, 0)
        .reshape(len(squares), side, _POOL, side, _POOL, -1)
        .mean(axis=(2, 4))
        .reshape(len(squares), -1)
        for signed in (responses, -responses)
    ]
    return np.concatenate(parts, axis=1)

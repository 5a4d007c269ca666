"""A data set: three splits of uint8 images, their labels and, on composite images, their digits."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.boundary.errors import UsageError
from trainables.shapes import ImageShape, in_words

Images = NDArray[np.uint8]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

UNLABELLED = -1
NO_CLASS = -1  # the digit of an image whose shortcut points to no class


@dataclass(frozen=True)
class Split:
    """Images of one split.

    Attributes:
        images: (N, H, W, C), uint8, RGB, or grey where C is 1.
        labels: (N,), int64, class index, or ``UNLABELLED``.
        digits: (N,), int64, the digit next to the picture, 0-9; for a folder with its own shortcut,
            the class that it points to. ``NO_CLASS`` if it points to none or is unknown; None if it
            is unknown for all images.
        filenames: N paths relative to the split's folder, if the images came from files.
    """

    images: Images
    labels: Integers
    digits: Integers | None = None
    filenames: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> bool:
        """True if every image has a label."""
        return bool(len(self)) and bool((self.labels != UNLABELLED).all())

    @property
    def aligned(self) -> Booleans:
        """Whether each image's digit agrees with its label, (N,)."""
        if self.digits is None:
            return np.zeros(len(self), bool)
        return np.asarray((self.digits == self.labels) & (self.digits != NO_CLASS))

    @property
    def conflicting(self) -> Booleans:
        """Whether each image's digit points to another class than its label, (N,)."""
        if self.digits is None:
            return np.zeros(len(self), bool)
        return np.asarray((self.digits != self.labels) & (self.digits != NO_CLASS))

    def names(self) -> tuple[str, ...]:
        """The file names if the images have them, else the index of each image as text."""
        return self.filenames or tuple(str(index) for index in range(len(self)))

    def take(self, indices: Integers) -> "Split":
        """A copy of the images at ``indices``."""
        return Split(
            self.images[indices],
            self.labels[indices],
            None if self.digits is None else self.digits[indices],
            None if self.filenames is None else tuple(self.filenames[i] for i in indices),
        )

    def limited(self, limit: int | None) -> "Split":
        """The first ``limit`` images, evenly from all classes, in their order.

        Without this, the first images of a folder, which is sorted by class, would have one class.
        """
        if limit is None or limit >= len(self):
            return self
        chosen = np.lexsort((np.arange(len(self)), rank_in_class(self.labels)))[:limit]
        return self.take(np.sort(chosen))


@dataclass(frozen=True)
class Dataset:
    """Three splits of one set, with its classes and statistics.

    Attributes:
        name: ``composite``, ``cifar10``, ``embedded`` or ``folder``.
        classes: class names by index.
        mean: per-channel mean for normalisation, of images scaled to [0, 1].
        std: per-channel standard deviation of these images.
        fingerprint: SHA-256 over all images, labels, digits and class names of the whole set.
        remark: how its digits were read from the images, or why not, if no file has them.
    """

    name: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: Split
    val: Split
    test: Split
    fingerprint: str = ""
    remark: str = ""

    @property
    def splits(self) -> dict[str, Split]:
        """The splits by name, in the order train, val, test."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @cached_property
    def image_shape(self) -> ImageShape:
        """Height and width of an image in pixels, and its channels: 3, or 1 for grey images."""
        height, width, channels = self.train.images.shape[1:]
        return int(height), int(width), int(channels)

    @property
    def image_words(self) -> str:
        """The form of an image in texts, such as ``32x32`` or ``48x64 grey``."""
        return in_words(self.image_shape)

    @property
    def has_digits(self) -> bool:
        """True if it is known which classes the images' shortcut, such as a digit, points to."""
        return self.val.digits is not None

    def limited(self, train: int | None = None, val: int | None = None) -> "Dataset":
        """The same set with at most ``train`` training and ``val`` validation images.

        Raises:
            UsageError: a limit is below 1 or above the number of images of its split.
        """
        for flag, limit, split in (("train", train, self.train), ("val", val, self.val)):
            if limit is not None and not 1 <= limit <= len(split):
                raise UsageError(
                    f"--{flag}-limit must be between 1 and {len(split)} "
                    f"(the images of that split), not {limit}"
                )
        return replace(self, train=self.train.limited(train), val=self.val.limited(val))

    def truncated(self, limit: int | None) -> "Dataset":
        """The same set with at most ``limit`` images in every split."""
        train, val, test = (split.limited(limit) for split in self.splits.values())
        return replace(self, train=train, val=val, test=test)

    def described(self) -> dict[str, Any]:
        """Name, sizes and fingerprint, and a remark if there is one, for the records."""
        return {
            "name": self.name,
            "train": len(self.train),
            "val": len(self.val),
            "fingerprint": self.fingerprint,
            **({"remark": self.remark} if self.remark else {}),
        }


def rank_in_class(labels: Integers) -> Integers:
    """For each image, the number of images of its class before it, (N,)."""
    ranks = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        ranks[members] = np.arange(len(members))
    return ranks


def statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per-channel mean and standard deviation of uint8 images (N, H, W, C) scaled to [0, 1].

    They are computed from histograms of levels: exactly, and without a float copy of the images.
    """
    levels = np.arange(256) / 255
    means, stds = [], []
    for channel in range(images.shape[3]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        mean = float(counts @ levels / counts.sum())
        means.append(mean)
        stds.append(max(float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum())), 1e-6))
    return tuple(means), tuple(stds)

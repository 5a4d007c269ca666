"""Fingerprint of a search's test images: the same images have the same fingerprint."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analysis.subject import Subject
from trainables.data.composite import PICTURE
from trainables.data.split_folders import split_folders
from trainables.data.tree import scan


def fingerprint(subject: Subject) -> str:
    """SHA-256 over the test images, each with the name of its class, in any order.

    It does not depend on the training and validation images, on the size to which images are
    resized, or on the names of files.
    """
    dataset = subject.dataset
    names = (dataset.classes[label] for label in dataset.test.labels)
    pairs = zip(names, _contents(subject), strict=True)
    each = sorted(hashlib.sha256(f"{name}\0".encode() + image).digest() for name, image in pairs)
    return hashlib.sha256(b"".join(each)).hexdigest()


def _contents(subject: Subject) -> Iterator[bytes]:
    """Each test image as bytes: those of its file if it has one, else its pixels."""
    test, root = subject.dataset.test, Path(subject.source)
    if test.filenames is not None:
        folder = root / split_folders(root, scan(root))["test"]
        yield from ((folder / name).read_bytes() for name in test.filenames)
        return
    # Leave out the digit, which depends on random draws for the training images.
    side = test.images.shape[1] if test.digits is None else PICTURE
    for image in test.images:
        yield np.ascontiguousarray(image[:side, :side]).tobytes()

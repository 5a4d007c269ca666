"""Predict image files: threads decode some files while the network computes others."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.model.reader import ModelInput
from analysis.model.runtime import Classify, Probabilities
from trainables.data.dataset import Images
from trainables.data.image_files import UnreadableImage, decode

_MOST = 50  # images of a batch, as large photographs take seconds to decode
_PIXELS = 2**20  # most pixels of a batch, unless a single image has more


@dataclass(frozen=True)
class PredictedBatch:
    """The results for some image files.

    Attributes:
        paths: the files that were read.
        probabilities: probabilities of their classes, (paths, classes).
        faults: the errors of the other files.
    """

    paths: tuple[Path, ...]
    probabilities: Probabilities
    faults: tuple[UnreadableImage, ...]


def predict(
    paths: Sequence[Path], classify: Classify, form: ModelInput
) -> Iterator[PredictedBatch]:
    """Predict image files in their order, and yield them batch by batch.

    Args:
        paths: the image files.
        classify: computes the probabilities.
        form: the size and kind of images that ``classify`` takes.
    """
    size = max(1, min(_MOST, _PIXELS // (form.height * form.width)))
    for batch, images, faults in _decoded(paths, size, form):
        yield PredictedBatch(batch, classify(images), faults)


_Decoded = tuple[tuple[Path, ...], Images, tuple[UnreadableImage, ...]]


def _decoded(paths: Sequence[Path], size: int, form: ModelInput) -> Iterator[_Decoded]:
    """Yield decoded images in batches of ``size`` files; a few batches are decoded in advance."""
    threads = os.cpu_count() or 1
    batches = (paths[start : start + size] for start in range(0, len(paths), size))
    with ThreadPoolExecutor(threads) as pool:
        pending = deque[Future[_Decoded]]()
        try:
            for batch in batches:
                pending.append(pool.submit(_decode, batch, form))
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(paths: Sequence[Path], form: ModelInput) -> _Decoded:
    images = np.empty((len(paths), *form.shape), np.uint8)
    read, faults = list[Path](), list[UnreadableImage]()
    for path in paths:
        try:
            images[len(read)] = decode(path, form.shape, form.fit)
            read.append(path)
        except UnreadableImage as error:
            faults.append(error)
    return tuple(read), images[: len(read)], tuple(faults)

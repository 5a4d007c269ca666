"""Image files to probabilities: threads decode some while the network computes others."""

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

_MOST = 250  # images of a batch
_PIXELS = 2**20  # of the images of a batch together, unless one alone has more


@dataclass(frozen=True)
class PredictedBatch:
    """What became of some image files.

    Attributes:
        paths: of those that were read.
        probabilities: of their classes, (paths, classes).
        faults: what is wrong with the others.
    """

    paths: tuple[Path, ...]
    probabilities: Probabilities
    faults: tuple[UnreadableImage, ...]


def predict(
    paths: Sequence[Path], classify: Classify, form: ModelInput
) -> Iterator[PredictedBatch]:
    """What a network makes of image files, in their order, some at a time.

    Args:
        paths: of the images.
        classify: computes the probabilities.
        form: of the images that it takes.
    """
    size = max(1, min(_MOST, _PIXELS // (form.height * form.width)))
    for batch, images, faults in _decoded(paths, size, form):
        yield PredictedBatch(batch, classify(images), faults)


_Decoded = tuple[tuple[Path, ...], Images, tuple[UnreadableImage, ...]]


def _decoded(paths: Sequence[Path], size: int, form: ModelInput) -> Iterator[_Decoded]:
    """The images in batches of ``size`` files, a few of which are decoded ahead of their turn."""
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

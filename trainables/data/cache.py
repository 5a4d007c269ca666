"""One memory-mapped copy of a built set, shared by every process that trains on it.

A set is a folder of ``.npy`` files and a ``meta.json`` under ``$CONVOY_CACHE`` (default
``~/.cache/convoy``), named by a hash of all that it was built from. It is written under another
name and renamed at the end: readers see no incomplete set, and builders do not disturb each other.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trainables.boundary.errors import UsageError
from trainables.data.dataset import NO_CLASS, UNLABELLED, Dataset, Integers, Split

FORMAT = 1
_SPLITS = ("train", "val", "test")
_ARRAYS = ("images", "labels", "digits")


def cache_folder() -> Path:
    """The folder of built sets: ``$CONVOY_CACHE``, else ``$XDG_CACHE_HOME/convoy``."""
    if folder := os.environ.get("CONVOY_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "convoy"


def cached(recipe: dict[str, Any], build: Callable[[], Dataset]) -> Dataset:
    """The cached set that ``recipe`` names, memory-mapped; ``build`` makes it if necessary.

    Args:
        recipe: everything that the set depends on (kind, seed, source files with their sizes and
            times), as JSON values; ``recipe["set"]`` begins the folder's name.
        build: makes the set in memory; called at most once.

    Raises:
        UsageError: the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, recipe], sort_keys=True).encode()).hexdigest()
    folder = cache_folder() / f"{recipe['set']}-{digest[:16]}"
    try:
        return _read(folder)
    except Exception:  # numpy and json raise many kinds for a missing or damaged set
        shutil.rmtree(folder, ignore_errors=True)
    dataset = build()
    try:
        _write(folder, dataset)
    except OSError as error:
        raise UsageError(  # numpy's own error for a full disk has no strerror
            f"the cache {folder.parent} cannot be written ({error.strerror or error}); "
            "make room, or name another folder in $CONVOY_CACHE"
        ) from error
    try:
        return _read(folder)
    except Exception as error:  # damaged files that could not be removed
        raise UsageError(f"the cached set {folder} is damaged; delete it") from error


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 over the class names and every split's images, labels and digits."""
    digest = hashlib.sha256(json.dumps(list(dataset.classes)).encode())
    for name, split in dataset.splits.items():
        for array in (split.images, split.labels, split.digits):
            digest.update(f"{name}{None if array is None else array.shape}".encode())
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _write(folder: Path, dataset: Dataset) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for name, split in dataset.splits.items():
            for part in _ARRAYS:
                if (array := getattr(split, part)) is not None:
                    np.save(scratch / f"{name}_{part}.npy", array)
        (scratch / "meta.json").write_text(json.dumps(_meta(dataset)))
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise  # otherwise another process built the same set meanwhile, and its copy stays
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _meta(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "classes": dataset.classes,
        "mean": dataset.mean,
        "std": dataset.std,
        "fingerprint": fingerprint(dataset),
        "remark": dataset.remark,
        "filenames": {name: split.filenames for name, split in dataset.splits.items()},
    }


def _read(folder: Path) -> Dataset:
    meta = json.loads((folder / "meta.json").read_text())
    filenames = meta.pop("filenames")
    train, val, test = (_read_split(folder, name, filenames[name]) for name in _SPLITS)
    for key in ("classes", "mean", "std"):
        meta[key] = tuple(meta[key])
    dataset = Dataset(train=train, val=val, test=test, **meta)
    _check(dataset)
    return dataset


def _check(dataset: Dataset) -> None:
    """Raise ValueError unless names, shapes, types and labels are consistent."""
    channels = dataset.image_shape[2]
    for figures in (dataset.mean, dataset.std):
        finite = all(isinstance(f, float) and math.isfinite(f) for f in figures)
        if len(figures) != channels or channels not in (1, 3) or not finite:
            raise ValueError("mean or std does not have one number per channel")
    if not all(
        isinstance(name, str) for name in (*dataset.classes, dataset.fingerprint, dataset.remark)
    ):
        raise ValueError("a name is not text")
    for split in dataset.splits.values():
        count, *shape = split.images.shape
        if split.images.dtype != np.uint8 or shape != list(dataset.image_shape):
            raise ValueError("the images are not of one shape")
        _check_integers(split.labels, count, UNLABELLED, len(dataset.classes))
        if split.digits is not None:
            _check_integers(split.digits, count, NO_CLASS, max(10, len(dataset.classes)))
        if split.filenames is not None and len(split.filenames) != count:
            raise ValueError("there are not as many names as images")


def _check_integers(values: Integers, count: int, low: int, high: int) -> None:
    if values.dtype != np.int64 or values.shape != (count,):
        raise ValueError("there are not as many labels as images")
    if count and not low <= values.min() <= values.max() < high:
        raise ValueError("a label is out of range")


def _read_split(folder: Path, name: str, filenames: list[str] | None) -> Split:
    # Copy-on-write mapping: the pages are shared, and torch accepts the array without a warning.
    images = np.load(folder / f"{name}_images.npy", mmap_mode="c")
    labels, digits = np.load(folder / f"{name}_labels.npy"), folder / f"{name}_digits.npy"
    known = np.load(digits) if digits.exists() else None
    return Split(images, labels, known, None if filenames is None else tuple(filenames))

"""One memory-mapped copy of a built set, shared by every process that trains on it.

A set is a folder of ``.npy`` files and a ``meta.json`` under ``$CONVOY_CACHE`` (default
``~/.cache/convoy``), named by what it was built from. It is written under another name and renamed
when it is whole: a reader never sees half of one, and two builders do not disturb each other.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from trainables.data.dataset import Dataset, Split
from trainables.errors import UsageError

FORMAT = 1
# What numpy and json raise for files that are absent, empty, truncated or something else.
_DAMAGES = (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, BadZipFile)
_SPLITS = ("train", "val", "test")
_ARRAYS = ("images", "labels", "digits")


def cache_folder() -> Path:
    """Where built sets are kept: ``$CONVOY_CACHE``, else ``$XDG_CACHE_HOME/convoy``."""
    if folder := os.environ.get("CONVOY_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "convoy"


def cached(recipe: dict[str, Any], build: Callable[[], Dataset]) -> Dataset:
    """The set that ``recipe`` names, memory-mapped; built by ``build`` if it is not there whole.

    Args:
        recipe: everything that the set depends on (kind, seed, source files with their sizes and
            times), as JSON values; ``recipe["set"]`` names the folder.
        build: makes the set in memory; called at most once.

    Raises:
        UsageError: the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, recipe], sort_keys=True).encode()).hexdigest()
    folder = cache_folder() / f"{recipe['set']}-{digest[:16]}"
    try:
        return _read(folder)
    except _DAMAGES:  # absent or damaged: build it anew
        shutil.rmtree(folder, ignore_errors=True)
    dataset = build()
    try:
        _write(folder, dataset)
    except OSError as error:
        raise UsageError(
            f"the cache {folder.parent} cannot be written ({error.strerror}); "
            "make room, or name another folder in $CONVOY_CACHE"
        ) from error
    return _read(folder)


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
                raise  # otherwise another process built the same set in the meantime: keep its copy
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _meta(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "classes": dataset.classes,
        "mean": dataset.mean,
        "std": dataset.std,
        "fingerprint": fingerprint(dataset),
        "filenames": {name: split.filenames for name, split in dataset.splits.items()},
    }


def _read(folder: Path) -> Dataset:
    meta = json.loads((folder / "meta.json").read_text())
    filenames = meta.pop("filenames")
    train, val, test = (_read_split(folder, name, filenames[name]) for name in _SPLITS)
    for key in ("classes", "mean", "std"):
        meta[key] = tuple(meta[key])
    return Dataset(train=train, val=val, test=test, **meta)


def _read_split(folder: Path, name: str, filenames: list[str] | None) -> Split:
    # Copy-on-write mapping: the pages are shared, and torch accepts the array without a warning.
    images = np.load(folder / f"{name}_images.npy", mmap_mode="c")
    split = Split(images, np.load(folder / f"{name}_labels.npy"))
    if (folder / f"{name}_digits.npy").exists():
        split = replace(split, digits=np.load(folder / f"{name}_digits.npy"))
    return replace(split, filenames=None if filenames is None else tuple(filenames))

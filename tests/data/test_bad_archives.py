"""Damaged CIFAR-10 and MNIST files, and damaged files of the cache."""

import itertools
import json
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.cache import cached, fingerprint
from trainables.data.cifar import CIFAR_FILES, MNIST_FILES, read_mnist
from trainables.data.dataset import Dataset, Split

ANY_FILE = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, mark) -> None:
        self._mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self._mark}",)


def test_cifar_files_that_are_not_the_published_ones_are_refused_unread(tmp_path):
    """They are pickles, which run what they hold."""
    for name in CIFAR_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pickle.dumps(Attack(tmp_path / "ran")))
    with pytest.raises(UsageError, match="cannot be read"):
        load(DataSpec("cifar10"), str(tmp_path))
    assert not (tmp_path / "ran").exists()


def idx(kind: int, *shape: int) -> bytes:
    return struct.pack(">HBB", 0, 8, kind) + struct.pack(f">{len(shape)}I", *shape)


MNIST = {
    "nothing": [b"", b"", b"", b""],
    "text": [b"damaged"] * 4,
    "headers alone": [idx(3, 60_000, 28, 28), idx(1, 60_000)] * 2,
    "few digits": [idx(3, 10, 28, 28) + bytes(7840), idx(1, 10) + bytes(10)] * 2,
    "labels for images": [idx(1, 10) + bytes(10)] * 4,
    "more digits than there are": [idx(3, 2**31, 28, 28), idx(1, 2**31)] * 2,
}


def write_mnist(folder, contents) -> None:
    for name, content in zip(MNIST_FILES, contents, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("what", MNIST)
@pytest.mark.parametrize("train", [True, False])
def test_damaged_mnist_files_are_refused(tmp_path, what, train):
    write_mnist(tmp_path, MNIST[what])
    with pytest.raises(UsageError, match=r"MNIST in .* cannot be read .* download it again"):
        read_mnist(tmp_path, train=train)


def test_a_digit_above_nine_is_refused(tmp_path):
    images, digits = idx(3, 10_000, 28, 28) + bytes(7_840_000), idx(1, 10_000) + b"\x0a" * 10_000
    write_mnist(tmp_path, [images, digits] * 2)
    with pytest.raises(UsageError, match="do not hold 10000 digits"):
        read_mnist(tmp_path, train=False)


def small() -> Dataset:
    def split(count: int) -> Split:
        images = np.full((count, 4, 4, 3), 1, dtype=np.uint8)
        labels = np.arange(count, dtype=np.int64) % 2
        return Split(images, labels, labels.copy(), tuple(f"{i}.png" for i in range(count)))

    mean = std = (0.5, 0.5, 0.5)
    return Dataset("small", ("a", "b"), mean, std, split(6), split(4), split(2))


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Folder of a small set in the cache."""
    monkeypatch.setenv("CONVOY_CACHE", str(tmp_path))
    cached({"set": "small"}, small)
    (folder,) = tmp_path.glob("small-*")
    return folder


def assert_whole() -> None:
    """The set comes out of the cache as it was built, from the cache or built anew."""
    data = cached({"set": "small"}, small)
    assert fingerprint(data) == fingerprint(small())
    assert (data.mean, data.std, data.classes) == ((0.5,) * 3, (0.5,) * 3, ("a", "b"))


FILES = [
    f"{split}_{part}.npy"
    for split, part in itertools.product(("train", "val", "test"), ("images", "labels", "digits"))
]


@ANY_FILE
@given(name=st.sampled_from(FILES), start=st.integers(0, 127), written=st.binary(max_size=6))
def test_an_array_with_another_header_is_built_anew(kept, name, start, written):
    content = (kept / name).read_bytes()
    (kept / name).write_bytes(content[:start] + written + content[start + len(written) :])
    assert_whole()


OTHERS = {
    "fewer": np.zeros(1, dtype=np.int64),
    "of another type": np.zeros(6),
    "of another shape": np.zeros((6, 2), dtype=np.int64),
    "out of range": np.full(6, 12, dtype=np.int64),
    "negative": np.full(6, -7, dtype=np.int64),
    "pictures": np.zeros((6, 4, 4, 3), dtype=np.uint8),
}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *itertools.product(("train_labels.npy", "train_digits.npy"), OTHERS),
        *(("train_images.npy", what) for what in OTHERS if what != "pictures"),
    ],
)
def test_an_array_that_does_not_go_with_the_others_is_built_anew(kept, name, what):
    np.save(kept / name, OTHERS[what])
    assert_whole()


def test_an_array_that_is_a_pickle_is_built_anew_and_not_run(kept, tmp_path):
    (kept / "val_labels.npy").unlink()
    np.save(kept / "val_labels.npy", np.array([Attack(tmp_path / "ran")]), allow_pickle=True)
    assert_whole()
    assert not (tmp_path / "ran").exists()


META = {
    "nested too deep": "[" * 100_000,
    "no text": "\udcff",
    "a number": "3",
}


@pytest.mark.parametrize("what", META)
def test_a_description_that_is_none_is_built_anew(kept, what):
    (kept / "meta.json").write_bytes(META[what].encode("utf-8", "surrogateescape"))
    assert_whole()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", []),
        ("mean", [0.5, 0.5]),
        ("std", ["a", "b", "c"]),
        ("std", [0.5, 0.5, float("nan")]),
        ("classes", [1, 2]),
        ("classes", ["a"]),
        ("filenames", {"train": ["0.png"], "val": None, "test": None}),
        ("filenames", []),
        ("more", 1),
    ],
)
def test_a_description_of_something_else_is_built_anew(kept, key, value):
    meta = json.loads((kept / "meta.json").read_text())
    (kept / "meta.json").write_text(json.dumps({**meta, key: value}))
    assert_whole()


def test_a_damaged_set_that_cannot_be_removed_is_named(kept, tmp_path):
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "meta.json").write_text("{")
    with pytest.raises(UsageError, match=f"{kept} is damaged; delete it"):
        cached({"set": "small"}, small)

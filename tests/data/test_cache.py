"""The memory-mapped cache of built sets."""

import numpy as np
import pytest

from trainables.boundary.errors import UsageError
from trainables.data.cache import cached, fingerprint
from trainables.data.dataset import Dataset, Split


def small(value: int = 1) -> Dataset:
    def split(count: int) -> Split:
        images = np.full((count, 4, 4, 3), value, dtype=np.uint8)
        labels = np.arange(count, dtype=np.int64) % 2
        return Split(images, labels, labels.copy(), tuple(f"{i}.png" for i in range(count)))

    mean = std = (0.5, 0.5, 0.5)
    return Dataset("small", ("a", "b"), mean, std, split(6), split(4), split(2))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVOY_CACHE", str(tmp_path))
    return tmp_path


def refuse() -> Dataset:
    raise AssertionError("built although it is cached")


def test_a_set_comes_back_as_it_was_built(folder):
    built, read = small(), cached({"set": "small"}, small)
    for name, split in built.splits.items():
        back = read.splits[name]
        assert np.array_equal(back.images, split.images)
        assert np.array_equal(back.labels, split.labels)
        assert np.array_equal(back.digits, split.digits)
        assert back.filenames == split.filenames
    assert (read.classes, read.mean, read.std) == (built.classes, built.mean, built.std)


def test_a_set_is_built_once(folder):
    cached({"set": "small"}, small)
    assert len(cached({"set": "small"}, refuse).train) == 6


def test_images_are_mapped_from_the_file_and_not_read(folder):
    images = cached({"set": "small"}, small).train.images
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8


def test_another_recipe_is_another_set(folder):
    cached({"set": "small"}, small)
    assert cached({"set": "small", "seed": 1}, lambda: small(2)).train.images.max() == 2


def test_a_truncated_set_is_built_anew(folder):
    cached({"set": "small"}, small)
    (path,) = folder.glob("small-*/train_images.npy")
    path.write_bytes(path.read_bytes()[:-10])
    assert cached({"set": "small"}, small).train.images.sum() == 6 * 48


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"garbage"])
@pytest.mark.parametrize("name", ["train_images.npy", "val_labels.npy", "test_digits.npy"])
def test_a_damaged_array_is_built_anew(folder, name, content):
    cached({"set": "small"}, small)
    next(folder.glob(f"small-*/{name}")).write_bytes(content)
    assert cached({"set": "small"}, small).train.images.sum() == 6 * 48


@pytest.mark.parametrize("text", ["[]", "{}", ""])
def test_a_damaged_description_is_built_anew(folder, text):
    cached({"set": "small"}, small)
    next(folder.glob("small-*/meta.json")).write_text(text)
    assert cached({"set": "small"}, small).classes == ("a", "b")


def test_a_set_without_its_description_is_built_anew(folder):
    cached({"set": "small"}, small)
    (path,) = folder.glob("small-*/meta.json")
    path.write_text("{")
    assert cached({"set": "small"}, small).fingerprint == fingerprint(small())


def test_a_build_that_fails_leaves_nothing(folder):
    with pytest.raises(AssertionError, match="built although"):
        cached({"set": "small"}, refuse)
    assert list(folder.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("CONVOY_CACHE", str(folder / "file"))
    with pytest.raises(UsageError, match=r"cannot be written .*CONVOY_CACHE"):
        cached({"set": "small"}, small)


def test_numpys_words_for_a_full_disk_are_given(folder, monkeypatch):
    def save(*_: object) -> None:
        raise OSError("319488 requested and 32752 written")

    monkeypatch.setattr("numpy.save", save)
    with pytest.raises(UsageError, match=r"\(319488 requested and 32752 written\)"):
        cached({"set": "small"}, small)


def test_the_fingerprint_sees_one_changed_pixel():
    changed = small()
    changed.val.images[3, 2, 1, 0] += 1
    assert fingerprint(changed) != fingerprint(small())

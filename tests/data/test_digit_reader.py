"""Digits that no file has: read from the pictures, or left alone with reason and remedy."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from trainables.data import DataSpec, load
from trainables.data.__main__ import main
from trainables.data.dataset import NO_CLASS, UNLABELLED, Dataset, Split
from trainables.data.digit_reader import are_composite, with_read_digits
from trainables.data.export import export
from trainables.data.shortcut import Shortcut

PART = 1200


def without_digits(dataset: Dataset) -> Dataset:
    train, val, test = (replace(split, digits=None) for split in dataset.splits.values())
    return replace(dataset, train=train, val=val, test=test)


def read(dataset: Dataset) -> Dataset:
    bare = without_digits(dataset)
    return with_read_digits(bare, bare)


def right(read: Split, true: Split) -> float:
    """The share of the read digits that are right."""
    known = read.digits != NO_CLASS
    return float((read.digits == true.digits)[known].mean())


@pytest.fixture(scope="module")
def part(embedded: Dataset) -> Dataset:
    return embedded.truncated(PART)


@pytest.fixture(scope="module")
def pictures(part):
    return read(part)


@pytest.fixture(scope="module")
def folder(part, tmp_path_factory):
    """The course's form, without a list of labels and digits."""
    folder = tmp_path_factory.mktemp("pictures") / "set"
    export(part, folder)
    (folder / "labels.csv").unlink()
    return folder


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_four_of_five_digits_are_read_and_98_percent_of_them_rightly(pictures, part, split):
    found, true = pictures.splits[split], part.splits[split]
    assert (found.digits != NO_CLASS).mean() > 0.8
    assert right(found, true) > 0.98


def test_the_test_images_are_read_without_labels(part, pictures):
    sealed = replace(part.test, labels=np.full_like(part.test.labels, UNLABELLED))
    assert np.array_equal(read(replace(part, test=sealed)).test.digits, pictures.test.digits)


def estimated(remark: str) -> tuple[float, float]:
    low, high = remark.partition("rightly (")[2].partition("%)")[0].split("% to ")
    return float(low) / 100, float(high) / 100


@pytest.mark.parametrize("seed", range(4))
def test_the_share_that_is_right_lies_in_the_estimated_interval(embedded, seed):
    chosen = np.random.default_rng(seed).permutation(len(embedded.train))[:PART]
    few = replace(embedded, train=embedded.train.take(np.sort(chosen)))
    found = read(few)
    low, high = estimated(found.remark)
    assert low <= right(found.train, few.train) <= high


def test_classes_of_unequal_sizes_are_read_as_well(embedded):
    rng = np.random.default_rng(0)
    share = np.linspace(1, 0.1, 10)[embedded.train.labels]
    few = replace(
        embedded, train=embedded.train.take(np.flatnonzero(rng.random(len(share)) < share))
    )
    assert right(read(few).val, few.val) > 0.97


def random_labels(dataset: Dataset) -> Dataset:
    labels = np.random.default_rng(1).permutation(dataset.train.labels)
    return replace(dataset, train=replace(dataset.train, labels=labels))


def three_classes(dataset: Dataset) -> Dataset:
    def kept(split: Split) -> Split:
        return split.take(np.flatnonzero(split.labels < 3))

    train, val, test = map(kept, dataset.splits.values())
    return replace(dataset, classes=dataset.classes[:3], train=train, val=val, test=test)


UNREADABLE = [
    (random_labels, "agree with the labels by chance alone"),
    (three_classes, "there are 3 classes, and 10 digits"),
    (lambda dataset: dataset.truncated(400), "400 training images are fewer than 500"),
]


@pytest.mark.parametrize(("change", "reason"), UNREADABLE)
def test_digits_that_cannot_be_trusted_are_left_out_with_reason_and_remedy(part, change, reason):
    found = read(change(part))
    assert not found.has_digits
    assert reason in found.remark
    assert "no constraints on the shortcut, no audit" in found.remark
    assert "labels.csv" in found.remark


@pytest.mark.parametrize("quality", [95, 75, 30])
def test_jpegs_of_composite_images_are_known_as_such(part, quality):
    def saved(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    images = np.stack([saved(image) for image in part.val.images[:100]])
    assert are_composite(images).all()


def test_other_images_of_the_same_size_are_not(part, composite):
    grey = np.repeat(part.val.images.mean(axis=3, keepdims=True), 3, axis=3).astype(np.uint8)
    for images in (part.val.images, grey, composite.val.images[:50]):
        assert not are_composite(images[:, ::-1]).any()


def test_images_without_the_geometry_get_no_remark(part):
    turned = replace(part.train, images=part.train.images[:, ::-1])
    assert read(replace(part, train=turned)).remark == ""


def test_a_folder_without_a_list_is_read_once_and_cached(folder, pictures, monkeypatch):
    first = load(DataSpec(), str(folder))
    monkeypatch.setattr("trainables.data.with_read_digits", None)
    again = load(DataSpec(), str(folder))
    assert first.fingerprint == again.fingerprint
    assert first.remark == again.remark
    assert again.described()["remark"].startswith("digits read from the pictures: ")
    assert (again.val.digits != NO_CLASS).mean() > 0.8


def test_a_list_that_is_added_takes_the_place_of_what_was_read(folder, part, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    load(DataSpec(), str(copy))
    export(part, tmp_path / "again")
    shutil.copy(tmp_path / "again" / "labels.csv", copy)
    listed = load(DataSpec(), str(copy))
    assert np.array_equal(listed.train.digits, part.train.digits)
    assert listed.remark == ""


def test_a_shortcut_of_ones_own_is_not_read_over(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    names = [path.relative_to(copy).as_posix() for path in copy.rglob("*.png")]
    (copy / "marks.csv").write_text("filename,mark\n" + "".join(f"{name},3\n" for name in names))
    found = load(DataSpec(shortcut=Shortcut("marks.csv", "mark")), str(copy))
    assert (found.val.digits == 3).all()
    assert found.remark == ""


def test_digits_are_read_before_images_are_resized(folder):
    resized = load(DataSpec(size=64), str(folder))
    assert resized.image_shape == (64, 64, 3)
    assert np.array_equal(resized.val.digits, load(DataSpec(), str(folder)).val.digits)


def test_show_says_that_digits_will_be_read(folder, capsys):
    assert main(["show", "--data", str(folder)]) == 0
    assert "the digits are read from the pictures" in capsys.readouterr().out

"""The composite set against the geometry that was read off the course's own images."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.cifar import read_cifar10
from trainables.data.composite import draw_digit_images, draw_digits, paste, resize


def bilinear_by_hand(image: np.ndarray, size: int) -> np.ndarray:
    """Bilinear interpolation at pixel centres, one output pixel at a time."""
    height, width, channels = image.shape
    out = np.empty((size, size, channels))
    for row in range(size):
        for column in range(size):
            y = max((row + 0.5) * height / size - 0.5, 0)
            x = max((column + 0.5) * width / size - 0.5, 0)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = y - top, x - left
            out[row, column] = (
                image[top, left] * (1 - dy) * (1 - dx)
                + image[top, right] * (1 - dy) * dx
                + image[bottom, left] * dy * (1 - dx)
                + image[bottom, right] * dy * dx
            )
    return out


def assert_floored(found: np.ndarray, exact: np.ndarray) -> None:
    """``found`` is the floor of ``exact``, which float32 may miss by a thousandth."""
    assert (np.floor(exact - 1e-3) <= found).all()
    assert (found <= np.floor(exact + 1e-3)).all()


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    digit = rng.integers(0, 256, (28, 28), dtype=np.uint8)
    return picture, digit, paste(picture[None], digit[None])[0]


def test_the_picture_fills_rows_and_columns_0_to_23(pair):
    picture, _, image = pair
    assert_floored(image[:24, :24], bilinear_by_hand(picture, 24))


def test_the_digit_fills_rows_and_columns_24_to_39_in_all_three_channels(pair):
    _, digit, image = pair
    assert_floored(image[24:, 24:], bilinear_by_hand(digit[:, :, None], 16))


def test_the_rest_is_grey_127(pair):
    image = pair[2]
    assert image.shape == (40, 40, 3)
    assert (image[:24, 24:] == 127).all()
    assert (image[24:, :24] == 127).all()


def test_resizing_floors_instead_of_rounding():
    stripes = np.zeros((1, 2, 2, 1), dtype=np.uint8)
    stripes[:, :, 1] = 255
    assert resize(stripes, 1)[0, 0, 0, 0] == 127


@pytest.mark.parametrize("seed", range(5))
def test_64_percent_of_the_training_digits_agree_whatever_the_seed(seed):
    labels = np.random.default_rng(seed).integers(10, size=45_000)
    digits = draw_digits(labels, 0.6, np.random.default_rng(seed))
    assert (digits == labels).mean() == pytest.approx(0.64, abs=0.0005)


@pytest.mark.parametrize("seed", range(5))
def test_conflicting_digits_are_uniform(seed):
    labels = np.random.default_rng(seed).integers(10, size=45_000)
    digits = draw_digits(labels, 0.6, np.random.default_rng(seed))
    table = np.zeros((10, 10))
    np.add.at(table, (labels, digits), 1)
    off = table[~np.eye(10, dtype=bool)]
    assert off.min() > 0.9 * off.mean()


def test_digit_images_show_the_digit_that_was_drawn():
    pool = np.random.default_rng(0).integers(10, size=300)
    digits = np.random.default_rng(1).integers(10, size=500)
    chosen = draw_digit_images(digits, pool, np.random.default_rng(2))
    assert (pool[chosen] == digits).all()


def test_digit_images_repeat_only_once_all_of_a_kind_are_used():
    pool = np.repeat(np.arange(10), 30)
    digits = np.repeat(np.arange(10), 40)
    uses = np.bincount(draw_digit_images(digits, pool, np.random.default_rng(0)), minlength=300)
    assert set(uses) == {1, 2}
    assert (uses == 2).sum() == 100


def share_aligned(split):
    return float((split.digits == split.labels).mean())


def test_the_embedded_set_agrees_in_64_percent_in_training_and_10_elsewhere(embedded):
    assert share_aligned(embedded.train) == pytest.approx(0.64, abs=0.005)
    assert share_aligned(embedded.val) == pytest.approx(0.10, abs=0.01)
    assert share_aligned(embedded.test) == pytest.approx(0.10, abs=0.01)


def test_the_real_set_agrees_in_64_percent_in_training_and_10_elsewhere(composite):
    assert share_aligned(composite.train) == pytest.approx(0.64, abs=0.005)
    assert share_aligned(composite.val) == pytest.approx(0.10, abs=0.01)
    assert share_aligned(composite.test) == pytest.approx(0.10, abs=0.01)


def test_the_real_splits_have_the_courses_sizes(composite):
    assert [len(split) for split in composite.splits.values()] == [45_000, 5_000, 10_000]


def test_the_real_training_set_has_the_statistics_that_were_measured(composite):
    pixels = composite.train.images.reshape(-1, 3) / 255
    assert pixels.mean(axis=0) == pytest.approx([0.4362, 0.4329, 0.4201], abs=0.001)
    assert pixels.std(axis=0) == pytest.approx([0.2279, 0.2259, 0.2311], abs=0.001)


def test_the_real_set_is_normalised_as_the_course_does(composite):
    assert composite.mean == (0.438, 0.435, 0.422)
    assert composite.std == (0.228, 0.225, 0.231)


def hashes(images: np.ndarray) -> set[bytes]:
    return {hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images}


@pytest.mark.parametrize("part", ["picture", "digit"])
def test_no_real_image_is_in_two_splits(composite, part):
    region = slice(0, 24) if part == "picture" else slice(24, 40)
    found = [hashes(split.images[:, region, region]) for split in composite.splits.values()]
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]


def test_every_real_picture_is_used_once(composite, real_data):
    labels = read_cifar10(Path(real_data), train=True).labels
    used = np.concatenate([composite.train.labels, composite.val.labels])
    assert (np.bincount(used) == np.bincount(labels)).all()
    pictures = [hashes(split.images[:, :24, :24]) for split in composite.splits.values()]
    assert sum(map(len, pictures)) == 60_000


def test_the_same_seed_draws_the_same_set_and_another_seed_another(tmp_path, monkeypatch):
    first = load(DataSpec("composite"), "embedded").fingerprint
    other = load(DataSpec("composite", seed=1), "embedded").fingerprint
    monkeypatch.setenv("CONVOY_CACHE", str(tmp_path))  # built anew
    assert load(DataSpec("composite"), "embedded").fingerprint == first
    assert other != first


@pytest.mark.parametrize("share", [0.1, 0.64, 1.0])
def test_the_share_of_validation_digits_that_agree_is_what_was_asked(share):
    val = load(DataSpec("composite", val_alignment=share), "embedded").val
    assert (val.digits == val.labels).mean() == pytest.approx(share, abs=0.002)


def test_training_and_test_images_do_not_depend_on_the_validation_digits():
    plain, biased = (load(DataSpec("composite", val_alignment=s), "embedded") for s in (0.1, 0.64))
    assert np.array_equal(plain.train.images, biased.train.images)
    assert np.array_equal(plain.test.labels, biased.test.labels)
    assert (biased.test.digits == biased.test.labels).mean() == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("share", [0.05, -1.0, 1.1])
def test_a_share_below_chance_or_above_all_is_refused(share):
    with pytest.raises(UsageError, match=r"val_alignment must be at (least 0.1|most 1)"):
        DataSpec("composite", val_alignment=share)

"""What a folder's images are made into: size, fit and channels, and how it was before those."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.cache import cache_folder
from trainables.data.export import export
from trainables.data.folder import list_folder, read_folder
from trainables.data.image_files import decode, fitted

CLASSES = ("ant", "bee")


def noise(height, width, mode="RGB", seed=0):
    shape = (height, width, *({"L": (), "RGB": (3,), "RGBA": (4,)}[mode]))
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)


def write(root, *arrays, **saved):
    """A folder of two classes, each with every one of the arrays to train and to validate on."""
    for split in ("train", "val"):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
            for number, array in enumerate(arrays):
                Image.fromarray(array).save(root / split / name / f"{number}.png", **saved)
    return root


def read(root, **spec):
    return load(DataSpec("cifar10", **spec), str(root))


def bilinear(array, height, width):
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR))


def test_stretch_gives_each_side_its_own_factor(tmp_path):
    pixels = noise(20, 10)
    data = read(write(tmp_path, pixels), size=[6, 16])
    assert data.image_shape == (6, 16, 3)
    assert np.array_equal(data.train.images[0], bilinear(pixels, 6, 16))


@pytest.mark.parametrize(
    ("size", "canvas", "inner"),
    [
        ((20, 10), (16, 16), (slice(0, 16), slice(4, 12))),
        ((10, 20), (16, 16), (slice(4, 12), slice(0, 16))),
        ((10, 20), (24, 16), (slice(8, 16), slice(0, 16))),
        ((5, 5), (16, 25), (slice(0, 16), slice(4, 20))),
        ((8, 12), (8, 12), (slice(0, 8), slice(0, 12))),
        ((1000, 10), (32, 32), (slice(0, 32), slice(15, 16))),
        ((10, 1000), (32, 32), (slice(15, 16), slice(0, 32))),
    ],
)
@pytest.mark.parametrize("channels", [3, 1])
def test_pad_keeps_the_ratio_of_the_sides_between_black_bars(size, canvas, inner, channels):
    pixels = noise(*size, "L" if channels == 1 else "RGB")
    made = fitted(Image.fromarray(pixels), (*canvas, channels), "pad")
    expected = np.zeros((*canvas, channels), np.uint8)
    rows, columns = inner
    shown = bilinear(pixels, rows.stop - rows.start, columns.stop - columns.start)
    expected[inner] = shown.reshape(*shown.shape[:2], channels)
    assert np.array_equal(made, expected)


def test_a_folder_is_padded_alike_in_every_split(tmp_path):
    pixels = noise(20, 10)
    data = read(write(tmp_path, pixels), size=16, fit="pad")
    expected = fitted(Image.fromarray(pixels), (16, 16, 3), "pad")
    for split in (data.train, data.val):
        assert all(np.array_equal(image, expected) for image in split.images)


def test_one_channel_is_the_luminance_of_colours_and_a_grey_as_it_is(tmp_path):
    colours, grey, clear = noise(8, 8), noise(8, 8, "L"), noise(8, 8, "RGBA", 1)
    data = read(write(tmp_path, colours, grey, clear), channels=1)
    assert data.image_shape == (8, 8, 1)
    weights = np.array([0.299, 0.587, 0.114])
    made = data.train.images[:3, ..., 0].astype(float)
    for image, pixels in ((made[0], colours), (made[2], clear[..., :3])):
        assert np.abs(image - pixels @ weights).max() <= 0.51
    assert np.array_equal(made[1], grey)


def test_sixteen_bits_of_grey_are_one_channel_of_the_upper_eight(tmp_path):
    levels = np.random.default_rng(0).integers(0, 2**16, (8, 8), dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    assert np.array_equal(decode(tmp_path / "deep.png", (8, 8, 1))[..., 0], levels >> 8)


def test_statistics_are_of_as_many_numbers_as_channels(tmp_path):
    data = read(write(tmp_path, noise(8, 12, "L")), channels=1)
    assert data.mean == pytest.approx([data.train.images.mean() / 255])
    assert data.std == pytest.approx([data.train.images.std() / 255])


def test_images_of_one_size_keep_it_square_or_not(tmp_path):
    pixels = noise(6, 10)
    data = read(write(tmp_path, pixels))
    assert np.array_equal(data.train.images[0], pixels)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 7, 8])
def test_the_size_that_photographs_keep_is_that_in_which_they_stand(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in CLASSES:
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(2):
            path = tmp_path / "train" / name / f"{number}.{suffix}"
            Image.fromarray(noise(6, 10)).save(path, exif=exif)
    assert read(tmp_path).image_shape == ((6, 10, 3) if orientation < 5 else (10, 6, 3))


def test_image_size_0_makes_images_that_are_not_square_32_pixels_as_before(tmp_path):
    write(tmp_path, noise(6, 10))
    assert read(tmp_path, image_size=0).image_shape == (32, 32, 3)
    assert read(tmp_path, image_size=12).image_shape == (12, 12, 3)


# Of the version before sizes had two numbers.
EMBEDDED = {
    "composite": "5a7bac2794ca9f0253511541e5a84ae9b91fcf18bb2d649d0dacb3b4feb5b149",
    "cifar10": "607c5cb2a81d8b019898eb1a184628ffacaa14fe60c0f538a1aaf43df806b9b4",
}
FOLDERS = {
    "square": "0a34192428c8b3f7e1be5e38c6c3a51b8a58ab2056fb6d982dfbf4c13c40e817",
    "resized": "927f4cd19dee45f38d191e70cd7f28d99fe7396fab184456ca6b7baab58cb0d5",
    "unequal": "2028bede19887dd3b2ac0c66a0d4c23b072d3020238ee5bb10ab4402ca8cb835",
}


def test_sets_have_the_fingerprints_of_before(tmp_path):
    assert {name: load(DataSpec(name), "embedded").fingerprint for name in EMBEDDED} == EMBEDDED
    rng = np.random.default_rng(7)
    for split in ("train", "val"):
        for name in CLASSES:
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(2):
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{number}.png")
    made = {"square": read(tmp_path).fingerprint, "resized": read(tmp_path, size=16).fingerprint}
    assert read(tmp_path, image_size=0).fingerprint == made["square"]
    assert read(tmp_path, image_size=16).fingerprint == made["resized"]
    pixels = rng.integers(0, 256, (9, 5), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "train" / "ant" / "2.png")
    made["unequal"] = read(tmp_path).fingerprint
    assert made == FOLDERS


def test_a_set_that_an_earlier_version_cached_is_read():
    load(DataSpec("composite"), "embedded")
    assert (cache_folder() / "composite-3d0fe852252d6524").is_dir()


def test_a_record_of_before_describes_itself_as_before():
    before = {"set": "cifar10", "val": 5000, "seed": 0, "forced": 0.6, "val_alignment": 0.1}
    before |= {"image_size": 0, "val_share": 0.1, "shortcut": None}
    assert DataSpec(**before).described() == before


def test_a_form_survives_a_record():
    spec = DataSpec(size=[48, 64], fit="pad", channels=1)
    assert DataSpec(**json.loads(json.dumps(dataclasses.asdict(spec)))) == spec
    assert DataSpec(size=[48, 48]) == DataSpec(size=48)


def test_a_grey_set_is_cached_and_exported_as_it_is(tmp_path):
    root = write(tmp_path / "set", noise(6, 10, "L"), noise(6, 10, "L", 1))
    built, cached = (read(root, channels=1) for _ in range(2))
    assert cached.fingerprint == built.fingerprint
    assert cached.image_shape == (6, 10, 1)
    export(cached, tmp_path / "exported")
    again = read(tmp_path / "exported", channels=1)
    assert np.array_equal(again.train.images, cached.train.images)


def test_a_folder_of_greys_that_is_read_as_colours_says_so(tmp_path):
    assert "channels: 1" in read(write(tmp_path / "grey", noise(8, 8, "L"))).remark
    assert read(tmp_path / "grey", channels=1).remark == ""
    assert read(write(tmp_path / "mixed", noise(8, 8, "L"), noise(8, 8))).remark == ""


SIZES = [
    (),
    (8,),
    (4, 5, 6),
    (0, 8),
    (8, 0),
    (-8, 8),
    -1,
    3,
    (3, 8),
    1025,
    (8, 1025),
    8.0,
    (8.0, 8),
]
SIZES += ["8", "8x8", ("8", 8), True, None, (8, True), {"height": 8}, 10**30, float("nan")]


@pytest.mark.parametrize("size", SIZES, ids=repr)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(
        UsageError, match=r"^size must be \[height, width\] or one number"
    ) as raised:
        DataSpec(size=size)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"channels": 2}, "channels must be 3, or 1 for grey, not 2"),
        ({"channels": 4}, "channels must be 3, or 1 for grey, not 4"),
        ({"channels": "grey"}, "channels must be 3, or 1 for grey, not 'grey'"),
        ({"channels": True}, "channels must be 3, or 1 for grey, not True"),
        ({"channels": 1.0}, "channels must be 3, or 1 for grey, not 1.0"),
        ({"fit": "crop"}, "fit must be one of stretch, pad, not 'crop'"),
        ({"fit": 1}, "fit must be one of stretch, pad, not 1"),
        (
            {"size": 8, "image_size": 8},
            "image_size is the older name of size; give only size",
        ),
    ],
)
def test_another_form_is_refused(spec, line):
    with pytest.raises(UsageError) as raised:
        DataSpec(**spec)
    assert str(raised.value) == line


@pytest.mark.parametrize("spec", [{"size": [48, 64]}, {"fit": "pad"}, {"channels": 1}])
def test_a_set_that_comes_along_keeps_its_form(spec):
    with pytest.raises(
        UsageError, match=f"^data.{next(iter(spec))} is only for a folder of your own images"
    ):
        load(DataSpec("composite", **spec), "embedded")


def test_images_larger_than_are_trained_on_want_a_size(tmp_path):
    write(tmp_path, noise(1025, 10))
    with pytest.raises(UsageError, match=r"1025x10 .* at most 1024 .*give data.size"):
        read(tmp_path)
    listing = list_folder(tmp_path)
    assert read_folder(listing, DataSpec(size=[64, 8]).form).image_shape == (64, 8, 3)

"""Folders of one's own: any classes, any sizes, with or without val, and with a shortcut."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.dataset import NO_CLASS, UNLABELLED
from trainables.data.folder import is_image_folder
from trainables.data.shortcut import MOST, Shortcut

CLASSES = ("ant", "bee", "cow")


def write(folder, count=10, size=(8, 8), mode="RGB"):
    """``count`` images in ``folder``, each of a colour of its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        colour = number * 20 if mode == "L" else (number * 20, 0, 0)
        Image.new(mode, size, colour).save(folder / f"{number}.png")


@pytest.fixture
def folder(tmp_path):
    """Three classes of ten images of 8x8 pixels in train, and nothing else."""
    for name in CLASSES:
        write(tmp_path / "set" / "train" / name)
    return tmp_path / "set"


def read(folder, **spec):
    return load(DataSpec("cifar10", **spec), str(folder))


WORDS = ("1", "12:30", "no", "null", "true", "yes", "~")


def test_class_names_are_text_whatever_they_mean_elsewhere(tmp_path):
    for name in WORDS:
        write(tmp_path / "train" / name, 2)
    corners(tmp_path, lambda path: path.split("/")[1])
    for _ in ("built", "cached"):
        data = read(tmp_path, shortcut=SHORTCUT)
        assert data.classes == WORDS
        assert data.train.digits.tolist() == data.train.labels.tolist() == list(range(len(WORDS)))


@pytest.mark.parametrize("count", [2, 3, 12])
def test_any_number_of_classes_from_two_is_read(tmp_path, count):
    names = tuple(f"class{number:02d}" for number in range(count))
    for name in names:
        write(tmp_path / "train" / name, 2)
    data = read(tmp_path)
    assert data.classes == names
    assert sorted(set(data.train.labels)) == list(range(count))


def test_one_class_is_refused(tmp_path):
    write(tmp_path / "train" / "ant")
    with pytest.raises(UsageError, match="needs at least two class folders"):
        read(tmp_path)


@pytest.mark.parametrize(("share", "each"), [(0.1, 1), (0.3, 3), (0.9, 9), (0.01, 1)])
def test_without_val_a_share_of_each_class_is_held_out(folder, share, each):
    data = read(folder, val_share=share)
    assert np.bincount(data.val.labels).tolist() == 3 * [each]
    assert np.bincount(data.train.labels).tolist() == 3 * [10 - each]
    assert len({*data.train.filenames, *data.val.filenames}) == 30


def test_which_images_are_held_out_follows_from_the_datas_seed(folder):
    first, again, other = (read(folder, val_share=0.5, seed=seed) for seed in (0, 0, 1))
    assert first.val.filenames == again.val.filenames != other.val.filenames


def test_a_class_of_one_image_cannot_be_divided(folder):
    shutil.rmtree(folder / "train" / "bee")
    write(folder / "train" / "bee", 1)
    with pytest.raises(UsageError, match="class 'bee' has one image"):
        read(folder)


def test_a_val_that_is_there_is_taken_as_it_is(folder):
    for name in CLASSES:
        write(folder / "val" / name, 4)
    data = read(folder)
    assert (len(data.train), len(data.val)) == (30, 12)


def test_test_images_in_class_folders_are_labelled(folder):
    write(folder / "test" / "bee", 2)
    data = read(folder)
    assert data.test.labels.tolist() == [1, 1]
    assert data.test.filenames == ("bee/0.png", "bee/1.png")


def test_test_images_in_folders_of_no_class_are_unlabelled(folder):
    write(folder / "test" / "unknown" / "batch1", 2)
    data = read(folder)
    assert data.test.labels.tolist() == [UNLABELLED, UNLABELLED]
    assert data.test.filenames == ("unknown/batch1/0.png", "unknown/batch1/1.png")


@pytest.mark.parametrize(("names", "strange"), [(("bee", "unknown"), "unknown"), (("Bee",), "Bee")])
def test_a_test_folder_of_no_class_where_others_are_of_one_is_refused(folder, names, strange):
    for name in names:
        write(folder / "test" / name, 2)
    with pytest.raises(UsageError, match=f"{strange} is not a class of the training images"):
        read(folder)


def test_class_folders_without_train_are_training_images(folder, tmp_path):
    plain = shutil.copytree(folder / "train", tmp_path / "plain")
    assert read(plain).fingerprint == read(folder).fingerprint


def test_a_folder_of_cifar_is_no_folder_of_images(tmp_path):
    for name in ("cifar-10-batches-py", "MNIST"):
        (tmp_path / name).mkdir()
    assert not is_image_folder(tmp_path)
    assert not is_image_folder(tmp_path / "absent")


def test_square_images_of_one_size_keep_their_pixels(folder):
    assert read(folder).train.images.shape[1:] == (8, 8, 3)


@pytest.mark.parametrize("size", [(8, 6), (9, 9), (40, 300)])
def test_images_of_unequal_sizes_become_32_pixels_square(folder, size):
    path = folder / "train" / "bee" / "new.png"
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    data = read(folder, val_share=0.1)
    assert data.image_shape == (32, 32, 3)
    split = data.train if "bee/new.png" in data.train.filenames else data.val
    expected = Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(split.images[split.filenames.index("bee/new.png")], expected)


def test_the_size_that_is_asked_for_is_taken(folder):
    assert read(folder, size=20).image_shape == (20, 20, 3)


def test_images_too_large_to_train_on_want_a_size(folder):
    shutil.rmtree(folder)
    for name in CLASSES:
        write(folder / "train" / name, 2, size=(1025, 1025))
    with pytest.raises(UsageError, match=r"1025x1025 .* at most 1024 .* give data.size"):
        read(folder)
    assert read(folder, size=16).image_shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"image_size": 3}, "image_size must be between 4 and 1024"),
        ({"image_size": 2000}, "image_size must be between"),
        ({"val_share": 0.0}, "val_share must be above 0"),
        ({"val_share": 1.0}, "val_share must be at most 0.9"),
    ],
)
def test_a_size_or_share_that_cannot_be_is_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        DataSpec("cifar10", **spec)


UPRIGHT = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
LYING = {  # EXIF's orientation, and the pixels in a file of it (EXIF 2.32, section 4.6.4)
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT),
    7: np.rot90(UPRIGHT, 2).transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("orientation", LYING)
def test_a_photograph_is_turned_as_its_camera_noted(folder, orientation):
    noted = Image.Exif()
    noted[0x0112] = orientation
    lying = Image.fromarray(np.ascontiguousarray(LYING[orientation]))
    for name in CLASSES:
        lying.resize((8, 8), Image.Resampling.NEAREST).save(
            folder / "train" / name / "0.png", exif=noted
        )
    data = read(folder)
    first = data.train.filenames.index("ant/0.png")
    assert (data.train.images[first][::2, ::2] == UPRIGHT).all()


def test_an_image_whose_notes_are_damaged_stays_as_it_lies(folder):
    image = Image.fromarray(UPRIGHT).resize((8, 8), Image.Resampling.NEAREST)
    for name in CLASSES:
        image.save(folder / "train" / name / "0.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    data = read(folder)
    first = data.train.filenames.index("ant/0.png")
    assert (data.train.images[first][::2, ::2] == UPRIGHT).all()


def test_grey_images_become_rgb(tmp_path):
    for name in CLASSES:
        write(tmp_path / "train" / name, 3, mode="L")
    images = read(tmp_path).train.images
    assert images.shape[-1] == 3
    assert (images[..., 0] == images[..., 2]).all()


SHORTCUT = Shortcut(csv="corners.csv", column="corner")


def corners(folder, value_of, header="filename,corner"):
    """A CSV with the value of each training image, by its path."""
    paths = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.png"))
    lines = [header, *(f"{path},{value_of(path)}" for path in paths)]
    (folder / "corners.csv").write_text("\n".join(lines) + "\n")


def pointed(data) -> dict[str, int]:
    """What each image's attribute points to, by its name."""
    return {
        name: int(digit)
        for split in (data.train, data.val)
        for name, digit in zip(split.filenames, split.digits, strict=True)
    }


@pytest.mark.parametrize(
    ("value", "agrees", "index"),
    [
        ("cow", (), 2),
        ("2", (), 2),
        ("red", (("red", "bee"),), 1),
        ("cow", (("cow", "ant"),), 0),
        ("", (), NO_CLASS),
        ("blue", (("blue", ""),), NO_CLASS),
    ],
)
def test_a_value_points_to_the_class_that_it_agrees_with(folder, value, agrees, index):
    corners(folder, lambda path: value)
    found = pointed(read(folder, shortcut=replace(SHORTCUT, agrees=agrees)))
    assert set(found.values()) == {index}


def test_each_image_has_its_own_line(folder):
    corners(folder, lambda path: "ant" if path.endswith("0.png") else "cow")
    found = pointed(read(folder, shortcut=SHORTCUT))
    assert all(index == (0 if name.endswith("0.png") else 2) for name, index in found.items())


def test_test_images_may_lack_a_line(folder):
    corners(folder, lambda path: "ant")
    write(folder / "test", 2)
    data = read(folder, shortcut=SHORTCUT)
    assert data.test.digits is None
    assert data.val.digits is not None


def test_without_a_shortcut_in_the_space_the_file_is_not_read(folder):
    corners(folder, lambda path: "nonsense")
    assert read(folder).train.digits is None


def test_a_changed_value_is_another_set(folder):
    corners(folder, lambda path: "ant")
    before = read(folder, shortcut=SHORTCUT).fingerprint
    corners(folder, lambda path: "bee")
    assert read(folder, shortcut=SHORTCUT).fingerprint != before


def test_a_shortcut_survives_being_written_down():
    from dataclasses import asdict

    spec = DataSpec("cifar10", shortcut=Shortcut("a.csv", "b", "", (("x", "y"),), (0, 1, 2, 3)))
    assert DataSpec(**asdict(spec)) == spec


def refused(folder, shortcut) -> str:
    with pytest.raises(UsageError) as error:
        read(folder, shortcut=shortcut)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_that_is_missing_is_refused(folder):
    assert "corners.csv does not exist" in refused(folder, SHORTCUT)


def test_a_column_that_is_missing_is_refused_with_those_that_are_there(folder):
    corners(folder, lambda path: "ant", "filename,colour")
    assert "has no column 'corner'; its columns are filename, colour" in refused(folder, SHORTCUT)
    corners(folder, lambda path: "ant", "file,corner")
    assert "has no column 'filename'" in refused(folder, SHORTCUT)


def test_a_value_that_agrees_with_no_class_is_refused_with_its_line(folder):
    corners(folder, lambda path: "violet" if "cow/3" in path else "ant")
    told = refused(folder, SHORTCUT)
    assert "line 25: corner is 'violet', which is none of the classes ant, bee, cow" in told


@pytest.mark.parametrize("value", ["3", "-1", "1.5", 5000 * "9"])
def test_a_number_that_is_no_class_is_refused(folder, value):
    corners(folder, lambda path: value)
    assert "none of the classes" in refused(folder, SHORTCUT)


def test_an_image_without_a_line_is_refused(folder):
    corners(folder, lambda path: "ant")
    write(folder / "train" / "dog", 2)
    assert "has no line for train/dog/" in refused(folder, SHORTCUT)


def test_a_name_that_stands_there_twice_is_refused(folder):
    corners(folder, lambda path: "ant")
    with (folder / "corners.csv").open("a") as file:
        file.write("train/ant/0.png,bee\n")
    assert "train/ant/0.png appears twice" in refused(folder, SHORTCUT)


def test_a_class_that_is_none_in_agrees_is_refused(folder):
    corners(folder, lambda path: "red")
    told = refused(folder, replace(SHORTCUT, agrees=(("red", "wasp"),)))
    assert "shortcut.agrees: red points to 'wasp'" in told


def test_a_file_too_large_is_refused_unread(folder):
    with (folder / "corners.csv").open("wb") as file:
        file.truncate(MOST + 1)
    assert "larger than" in refused(folder, SHORTCUT)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00filename", b"\x00\x01\x02", b"", b'"' * 200_000])
def test_a_file_of_anything_is_one_clear_line(folder, content):
    (folder / "corners.csv").write_bytes(content)
    assert str(folder) in refused(folder, SHORTCUT)

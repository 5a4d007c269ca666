"""Folders of images that someone made, unpacked or damaged: read right, or refused with the place.

Every image but the one under test is sound, so that the message is about that one.
"""

import io
import os
import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.dataset import Dataset
from trainables.data.folder import list_folder, read_folder
from trainables.data.image_files import MOST_PIXELS, decode

ANY_FILE = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def encoded(mode: str = "RGB", kind: str = "PNG", size=(8, 8), colour=0, **how) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **how)
    return file.getvalue()


def noise(kind: str) -> bytes:
    file, pixels = io.BytesIO(), np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Two classes of two images of 8x8 pixels in each of train and val, and one test image."""
    for split in ("train", "val"):
        for name in ("ant", "bee"):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            for number in range(2):
                (tmp_path / "set" / split / name / f"{number}.png").write_bytes(encoded())
    (tmp_path / "set" / "test").mkdir()
    (tmp_path / "set" / "test" / "one.png").write_bytes(encoded())
    return tmp_path / "set"


def first(folder):
    """Place of the image that is damaged."""
    return folder / "train" / "ant" / "0.png"


def read(folder) -> Dataset | str:
    """The set, or the line that it is refused with."""
    try:
        return read_folder(list_folder(folder))
    except UsageError as error:
        assert "\n" not in str(error)
        assert str(error).isprintable()
        return str(error)


def refused(folder) -> str:
    line = read(folder)
    assert isinstance(line, str)
    assert str(folder) in line
    return line


MODES = {  # of a red image, and what it is in RGB
    "1": ("PNG", 1, (255, 255, 255)),
    "L": ("PNG", 200, (200, 200, 200)),
    "LA": ("PNG", (200, 255), (200, 200, 200)),
    "P": ("PNG", 0, (0, 0, 0)),
    "RGBA": ("PNG", (250, 20, 30, 255), (250, 20, 30)),
    "CMYK": ("JPEG", (0, 0, 0, 0), (255, 255, 255)),
}


@pytest.mark.parametrize("mode", MODES)
def test_an_image_of_any_mode_that_rgb_can_hold_is_read_right(folder, mode):
    kind, colour, expected = MODES[mode]
    first(folder).write_bytes(encoded(mode, kind, colour=colour))
    data = read(folder)
    assert isinstance(data, Dataset), data
    assert (data.train.images[0] == np.array(expected)).all()


def frames(kind: str) -> bytes:
    file = io.BytesIO()
    one, two = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    one.save(file, kind, save_all=True, append_images=[two])
    return file.getvalue()


def png(width: int, height: int, pixels: bytes = b"", depth: int = 8) -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + crc(kind + content)

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def crc(content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content))


CONTENTS = {
    "nothing": (b"", "does not decode"),
    "text": (b"not an image", "does not decode"),
    "a Targa image": (encoded("RGB", "TGA"), "does not decode"),
    "a PostScript program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "not decode"),
    "32 bits of grey": (encoded("I", "TIFF"), "has mode I,"),
    "an animation": (frames("PNG"), "is animated"),
    "an animated GIF": (frames("GIF"), "is animated"),
    "an animated WebP": (frames("WEBP"), "is animated"),
    "a TIFF of two pages": (frames("TIFF"), "has several pages"),
    "a TIFF of floating-point numbers": (encoded("F", "TIFF"), "has mode F"),
    "a side of 0": (png(0, 0), "does not decode"),
    "a side too long": (png(MOST_PIXELS + 1, MOST_PIXELS + 1), "10001x10001 pixels; at most 10000"),
    "a bomb that Pillow warns of": (png(12_000, 12_000), "12000x12000 pixels; at most 10000"),
    "a bomb that Pillow refuses": (png(20_000, 20_000), "more than 10000 pixels a side"),
    "the longest side there is": (png(2**31 - 1, 2**31 - 1), "more than 10000 pixels a side"),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_an_image_that_is_none_is_refused_by_its_path_and_nothing_else_is_said(
    folder, what, recwarn
):
    content, message = CONTENTS[what]
    first(folder).write_bytes(content)
    assert message in refused(folder)
    assert not recwarn.list


@ANY_FILE
@given(kind=st.sampled_from(["PNG", "JPEG"]), share=st.floats(0, 0.999))
def test_an_image_that_ends_too_soon_is_read_whole_or_refused(folder, kind, share):
    first(folder).write_bytes(noise(kind))
    whole = read(folder)
    first(folder).write_bytes(noise(kind)[: int(share * len(noise(kind)))])
    part = read(folder)
    assert isinstance(whole, Dataset)
    assert isinstance(part, str) or np.array_equal(part.train.images, whole.train.images)


def test_pixels_beyond_what_the_header_says_are_not_unpacked(folder):
    """100 MB of them, in 100 kB."""
    first(folder).write_bytes(png(8, 8, b"\0" * 10**8))
    assert isinstance(read(folder), Dataset)


def test_sixteen_bits_a_channel_are_read_as_their_upper_eight(folder):
    row = b"\0" + struct.pack(">HHH", 0x8012, 0x40FF, 0x0102) * 8
    first(folder).write_bytes(png(8, 8, row * 8, depth=16))
    data = read(folder)
    assert isinstance(data, Dataset), data
    assert (data.train.images[0] == (0x80, 0x40, 0x01)).all()


LINKS = ["nowhere", "0.png", "..", "/dev/zero", "/dev/null"]


@pytest.mark.parametrize("target", LINKS)
def test_a_link_to_no_file_is_refused(folder, target):
    first(folder).unlink()
    first(folder).symlink_to(target)
    assert "is not a file, or a broken link" in refused(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder):
    first(folder).unlink()
    os.mkfifo(first(folder))
    assert "is not a file" in refused(folder)


def test_a_folder_with_the_name_of_an_image_is_a_folder(folder):
    first(folder).rename(folder / "elsewhere.png")
    first(folder).mkdir()
    (folder / "elsewhere.png").rename(first(folder) / "1.png")
    data = read(folder)
    assert isinstance(data, Dataset), data
    assert data.train.names()[0] == "ant/0.png/1.png"


def test_links_that_go_round_in_circles_are_passed_over_or_refused(folder):
    (folder / "train" / "ant" / "round").symlink_to("..")
    (folder / "train" / "cat").symlink_to("cat")
    assert isinstance(read(folder), Dataset)
    (folder / "val" / "cat").mkdir()
    assert "lacks the class folder 'cat'" in refused(folder)


def test_a_split_that_links_to_itself_is_refused(folder):
    (folder / "val").rename(folder / "elsewhere")
    (folder / "val").symlink_to("val")
    assert "val is a broken link" in refused(folder)


NAMES = [b"\xff.png", b"a\nb.png", b"\x1b[31m.png", "a\u202eb.png".encode()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["train/ant", "test"])
def test_a_file_whose_name_cannot_be_shown_or_listed_is_refused(folder, place, name):
    (folder / place / os.fsdecode(name)).write_bytes(encoded())
    assert "predictions cannot contain" in refused(folder)


@pytest.mark.parametrize("name", [b"\xff", b"a\nb", b"\x1b[31m"])
def test_a_class_whose_name_cannot_be_shown_is_refused(folder, name):
    for split in ("train", "val"):
        (folder / split / os.fsdecode(name)).mkdir()
    assert "rename it" in refused(folder)


def test_a_folder_that_cannot_be_listed_is_refused(folder, monkeypatch):
    """As one that another user owns; who runs as root can list that."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(folder / "train"))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(UsageError, match=r"cannot be read .*Permission denied"):
        load(DataSpec(), str(folder))


@ANY_FILE
@given(
    mode=st.sampled_from(["RGB", "L", "P", "RGBA"]),
    kind=st.sampled_from(["PNG", "JPEG"]),
    changes=st.lists(
        st.tuples(st.floats(0, 0.999), st.integers(0, 4), st.binary(max_size=4)),
        min_size=1,
        max_size=3,
    ),
)
def test_an_image_with_some_bytes_changed_is_read_or_refused(folder, mode, kind, changes):
    content = encoded(mode if kind == "PNG" else "RGB", kind)
    for share, length, written in changes:
        start = int(share * len(content))
        content = content[:start] + written + content[start + length :]
    first(folder).write_bytes(content)
    read(folder)


@ANY_FILE
@given(mode=st.sampled_from(["RGB", "P", "RGBA"]), share=st.floats(0, 0.999), byte=st.binary())
def test_a_png_changed_behind_right_checksums_is_read_or_refused(folder, mode, share, byte):
    content = bytearray(encoded(mode))
    content[16 + int(share * (len(content) - 20))] = byte[0] if byte else 0
    fixed, start = content[:8], 8
    while start + 12 <= len(content):
        length = int.from_bytes(content[start : start + 4], "big")
        part = content[start + 4 : start + 8 + length]
        fixed += content[start : start + 4] + part + crc(part)
        start += 12 + length
    first(folder).write_bytes(bytes(fixed))
    read(folder)


LABELS = "split,filename,label,digit\n" + "".join(
    [
        *(
            f"{split},{name}/{number}.png,{label},3\n"
            for split in ("train", "val")
            for label, name in enumerate(("ant", "bee"))
            for number in range(2)
        ),
        "test,one.png,1,2\n",
    ]
)
WRITTEN = st.sampled_from(
    [b"", b"\0", b'"', b"\n", b",", b"-1", b"\xff", b"9" * 23, b"../one.png", b"/etc/passwd"]
)


@ANY_FILE
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from([0, 1, 5, 30]), WRITTEN),
        min_size=1,
        max_size=3,
    )
)
def test_a_list_of_labels_with_anything_in_it_is_read_or_refused(folder, changes):
    content = LABELS.encode()
    for share, length, written in changes:
        start = int(share * len(content))
        content = content[:start] + written + content[start + length :]
    (folder / "labels.csv").write_bytes(content)
    data = read(folder)
    if isinstance(data, Dataset):  # whatever it says, it names the very images that are there
        assert sorted(data.train.names()) == ["ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png"]
        assert set(data.train.labels) <= {0, 1}


def test_a_refusal_crosses_from_a_worker_to_its_driver(folder):
    first(folder).write_bytes(b"")
    with pytest.raises(UsageError) as told:
        load(DataSpec(), str(folder))
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


def test_a_damaged_folder_leaves_nothing_in_the_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVOY_CACHE", str(tmp_path / "cache"))
    first(folder).write_bytes(b"")
    with pytest.raises(UsageError, match="does not decode"):
        load(DataSpec(), str(folder))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_are_read_by_their_upper_eight(tmp_path, kind):
    greys = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    path = tmp_path / f"grey.{kind.lower()}"
    Image.fromarray(greys).save(path, kind)
    expected = [[[grey // 256] * 3 for grey in row] for row in greys.tolist()]
    assert decode(path, (8, 8, 3)).tolist() == expected

"""``python -m analysis.predict``: new images to classes."""

import csv
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from models import CLASSES, SHAPE, probabilities, write_model
from PIL import Image

from analysis.predict import main
from trainables.data import DataSpec, load


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("made") / "model")


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Path:
    """Twelve pictures of the network's size in ``photos/`` of the current folder, at depth two."""
    rng = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "photos" / f"day{number % 2}" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        level = rng.integers(0, 256, 3)
        image = np.clip(rng.normal(level, 40, SHAPE), 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{number:02}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def test_the_csv_has_the_class_its_confidence_and_every_probability_of_images_at_any_depth(
    model, photos, capsys
):
    assert main(["--model", str(model), "photos", "--out", "out.csv"]) == 0
    header, *found = rows(Path("out.csv"))
    assert header == ["file", "class", "confidence", *CLASSES]
    files = sorted(path.relative_to(photos.parent).as_posix() for path in photos.rglob("*.png"))
    assert [row[0] for row in found] == files
    expected = probabilities(np.stack([np.asarray(Image.open(file)) for file in files]))
    assert np.array([row[3:] for row in found], float) == pytest.approx(expected, abs=1e-5)
    assert [row[1] for row in found] == [CLASSES[best] for best in expected.argmax(1)]
    assert [float(row[2]) for row in found] == pytest.approx(expected.max(1), abs=1e-5)
    printed = capsys.readouterr()
    assert "12 images predicted" in printed.out
    assert printed.err == ""  # no bar where nobody looks


def test_the_terminal_shows_class_confidence_and_other_probabilities_in_80_columns(
    model, photos, capsys
):
    assert main(["--model", str(model), "photos/day0/raw/00.png", "photos/day1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[-1] for line in lines[::2]][:2] == [
        "photos/day0/raw/00.png",
        "photos/day1/raw/01.png",
    ]
    image = np.asarray(Image.open("photos/day0/raw/00.png"))[None]
    expected = dict(zip(CLASSES, probabilities(image)[0], strict=True))
    best = max(expected, key=expected.__getitem__)
    assert lines[0].split()[:2] == [best, f"{expected[best]:.1%}"]


def odd_images(folder: Path) -> None:
    """Images of every kind that training takes, of sizes that must be fitted."""
    rng = np.random.default_rng(1)
    image = Image.fromarray(rng.integers(0, 256, (20, 14, 3), dtype=np.uint8))
    image.save(folder / "colour.png")
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("P").save(folder / "palette.png")
    image.convert("RGBA").save(folder / "alpha.png")
    image.convert("1").save(folder / "two.bmp")
    image.save(folder / "still.gif")
    Image.fromarray(rng.integers(0, 65536, (9, 30), dtype=np.uint16)).save(folder / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    image.save(folder / "turned.jpg", exif=turned, quality=95)


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_the_network_sees_odd_images_as_training_does(fit, tmp_path):
    model = write_model(tmp_path / "model", fit)
    for name in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        odd_images(tmp_path / "data" / name)
    out = tmp_path / "out.csv"
    assert main(["--model", str(model), str(tmp_path / "data/train/a"), "--out", str(out)]) == 0
    spec = DataSpec(size=list(SHAPE[:2]), fit=fit)
    images = load(spec, str(tmp_path / "data")).train.images[:8]
    found = np.array([row[3:] for row in rows(out)[1:]], float)
    assert found == pytest.approx(probabilities(np.asarray(images)), abs=1e-5)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_broken_files_are_named_and_passed_over(model, photos, capsys):
    folder = photos / "broken"
    folder.mkdir()
    whole = (photos / "day0/raw/00.png").read_bytes()
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    (folder / "bomb.png").write_bytes(_png(60_000, 60_000))
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("hello")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "nowhere.png").symlink_to("absent.png")
    (folder / "itself.png").symlink_to("itself.png")
    os.mkfifo(folder / "pipe.png")
    Image.fromarray(np.zeros((6, 8), np.float32)).save(folder / "float.tiff")
    (photos / "circle").symlink_to(photos)
    (photos / ".hidden.png").write_bytes(whole)
    for other in ("notes.txt", "list.csv"):
        (photos / other).write_text("of no matter")
    assert main(["--model", str(model), "photos", "--out", "out.csv"]) == 3
    assert len(rows(Path("out.csv"))) == 13
    errors = capsys.readouterr().err.splitlines()
    skipped = [line.split()[1] for line in errors if line.startswith("skipped: ")]
    assert skipped == sorted(
        path.relative_to(photos.parent).as_posix() for path in folder.iterdir()
    )
    assert "skipped: photos/broken/bomb.png has more than 10000 pixels a side" in errors
    assert errors[0] == (
        "left out of photos: 2 files without an image's name (list.csv, notes.txt); "
        "1 hidden file (.hidden.png)"
    )


def test_one_broken_file_alone_leaves_an_empty_table(model, photos, capsys):
    Path("zero.png").touch()
    assert main(["--model", str(model), "zero.png", "--out", "out.csv"]) == 3
    assert rows(Path("out.csv")) == [["file", "class", "confidence", *CLASSES]]


def test_a_file_that_is_named_is_an_image_whatever_its_name(model, photos, capsys):
    (photos / "day0/raw/00.png").rename(photos / ".upload")
    assert main(["--model", str(model), "photos/.upload"]) == 0


@pytest.mark.parametrize("link", ["absent.png", "link.png"])
def test_a_link_to_nothing_or_to_itself_is_passed_over_where_it_is_named_too(
    link, model, photos, capsys
):
    Path("link.png").symlink_to(link)
    assert main(["--model", str(model), "link.png", "photos", "--out", "out.csv"]) == 3
    assert len(rows(Path("out.csv"))) == 13
    assert capsys.readouterr().err == "skipped: link.png is not a file, or a broken link\n"


@pytest.mark.parametrize("name", ["line\nbreak.png", os.fsdecode(b"\xff.png")])
def test_a_file_of_any_name_is_taken_where_it_is_named_too(name, model, photos, capsys):
    (photos / "day0/raw/00.png").rename(name)
    assert main(["--model", str(model), name, "--out", "out.csv"]) == 0
    assert [row[0] for row in rows(Path("out.csv"))][1:] == [name]


def forbidden(monkeypatch, place: str) -> None:
    """As if the user might not look at what ``place`` is a part of; who runs as root may."""
    stat = os.stat

    def refuse(path, *arguments, **named):
        if place in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **named)

    monkeypatch.setattr(os, "stat", refuse)


def test_an_image_that_may_not_be_read_is_passed_over(model, photos, monkeypatch, capsys):
    forbidden(monkeypatch, "00.png")
    assert main(["--model", str(model), "photos", "--out", "out.csv"]) == 3
    assert capsys.readouterr().err == (
        "skipped: photos/day0/raw/00.png cannot be read (Permission denied)\n"
    )


def test_a_model_that_may_not_be_read_is_told_in_one_line(model, photos, monkeypatch, capsys):
    forbidden(monkeypatch, "labels.json")
    assert main(["--model", str(model), "photos"]) == 2
    printed = capsys.readouterr().err
    assert "Permission denied" in printed and len(printed.splitlines()) == 1


def test_bytes_of_a_name_that_are_no_utf_8_stand_in_the_csv(model, photos, capsys):
    name = os.fsdecode(b"photos/day0/bad\xff,\n.png")
    (photos / "day0/raw/00.png").rename(name)
    assert main(["--model", str(model), "photos", "--out", "out.csv"]) == 0
    assert name in [row[0] for row in rows(Path("out.csv"))]


WRONG = {
    "no model": ([], "name a model: --search NAME"),
    "two models": (["--search", "a", "--model", "m"], "not allowed with"),
    "no such search": (["--search", "one"], "there is no search 'one'"),
    "a search that is a path": (["--search", "../photos"], "there is no search"),
    "a store without a search": (
        ["--model", "m", "--tracking-uri", "x"],
        "leave --tracking-uri out",
    ),
    "no such model": (["--model", "absent"], "there is no model folder"),
    "an empty name of a model": (["--model", ""], "there is no model folder"),
    "the file of results is there": (["--model", "m", "--out", "photos/day0"], "already exists"),
    "no folder for results": (["--model", "m", "--out", "absent/out.csv"], "there is no folder"),
    "an unknown flag": (["--modle", "m"], "did you mean --model"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_in_one_line_and_nothing_written(wrong, photos, capsys):
    flags, line = WRONG[wrong]
    before = sorted(photos.parent.rglob("*"))
    assert main(["photos", *flags]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    assert line in printed.err
    assert sorted(photos.parent.rglob("*")) == before


@pytest.mark.parametrize("named", ["absent.png", "", "bare"])
def test_a_missing_file_and_a_folder_without_images_are_told_in_one_line(
    named, model, photos, capsys
):
    Path("bare").mkdir()
    assert main(["--model", str(model), "photos", named]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1


@pytest.fixture
def search(photos) -> Path:
    """A search in ./runs whose analysis made a model."""
    folder = photos.parent / "runs" / "one"
    write_model(folder / "analysis" / "model", run_id="a" * 32)
    (folder / "summary.json").write_text(json.dumps({"best": {"run_id": "a" * 32}}))
    return folder


def test_a_search_stands_for_the_model_of_its_winner(search, capsys):
    assert main(["--search", "one", "photos", "--out", "out.csv"]) == 0
    assert len(rows(Path("out.csv"))) == 13


def test_without_a_model_the_searches_that_have_one_are_named(search, capsys):
    assert main(["photos"]) == 2
    assert "--search NAME (one) or --model DIR" in capsys.readouterr().err


def test_a_model_of_an_earlier_winner_is_not_taken_for_the_winner_s(search, capsys):
    (search / "summary.json").write_text(json.dumps({"best": {"run_id": "b" * 32}}))
    assert main(["--search", "one", "photos"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_name_that_is_nearly_one_s_is_asked_about(search, capsys):
    assert main(["--search", "onne", "photos"]) == 2
    assert "did you mean one?" in capsys.readouterr().err

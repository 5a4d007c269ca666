"""Folders as exporters, archives and systems leave them: every file is read or counted."""

import io
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, left_out, load, resolve
from trainables.data.__main__ import main
from trainables.data.folder import Listing, list_folder, read_folder
from trainables.data.shortcut import Shortcut

FORMATS = {"png": "PNG", "JPG": "JPEG", "webp": "WEBP", "BMP": "BMP", "gif": "GIF", "tiff": "TIFF"}
FORMATS |= {"ppm": "PPM", "TGA": "TGA", "jp2": "JPEG2000", "avif": "AVIF", "ico": "ICO"}
CLASSES = ("yes", "no", "true", "1", "null", "~", "中文", "a b", "v1.bmp", "Bus Stop", "$x$")
ANY = (*CLASSES, "test", "train", "Val")  # below train
SPLITS = {
    "train": ("train", "Training", "TRAIN", "train_set"),
    "val": ("val", "valid", "Validation", "dev"),
    "test": ("test", "Testing", "TEST", "test_images"),
}
HIDDEN = (".DS_Store", "Thumbs.db", "._1.png", ".ipynb_checkpoints/1.png", "__MACOSX/._a/2.jpg")
NESTED = ("batch1", "b 2", "deep.png")
JUNK = (*HIDDEN, "notes.txt", "without", "drawing.eps", "movie.mp4")


@cache
def encoded(extension: str, red: int = 0) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (red, 0, 0)).save(file, FORMATS[extension])
    return file.getvalue()


def put(root: Path, *names: str, content: bytes | None = None) -> Path:
    """Make these files: images by their extension, of other names with a word in them."""
    for name in names:
        path, extension = root / name, name.rpartition(".")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        image = encoded(extension) if extension in FORMATS else b"text"
        path.write_bytes(image if content is None else content)
    return root


@dataclass(frozen=True)
class MadeFolder:
    """A folder to be made, and what it means.

    Attributes:
        images: the files of every split, by its folder, with the class that each has.
        others: what else lies there.
        folders: empty ones.
        classes: names.
    """

    images: dict[str, dict[str, str]]
    others: set[str]
    folders: set[str]
    classes: set[str]


@st.composite
def folders(draw: st.DrawFn) -> MadeFolder:
    direct = draw(st.booleans())
    classes = draw(st.sets(st.sampled_from(CLASSES if direct else ANY), min_size=2, max_size=4))
    places = {split: draw(st.sampled_from(names)) for split, names in SPLITS.items()}
    places["train"] = "" if direct else places["train"]
    split_kinds = ["train"] + ["val"] * (not direct and draw(st.booleans()))
    images, nested = {}, NESTED if direct else (*NESTED, "train")
    for split in split_kinds:
        paths = {
            f"{name}/{path}": name for name in sorted(classes) for path in draw(files(2, nested))
        }
        images[places[split]] = paths
    loose, tests = set(), draw(st.sampled_from(["none", "flat", "classes"]))
    if tests == "flat":
        images[places["test"]] = dict.fromkeys(draw(files(1, NESTED)), "")
    if tests == "classes":
        name = draw(st.sampled_from(sorted(classes)))
        images[places["test"]] = {f"{name}/{path}": name for path in draw(files(1, nested))}
        loose.add(f"{places['test']}/loose.png")
    homes = ["", *images, *(f"{places['train']}/{name}" for name in sorted(classes))]
    others = {f"{draw(st.sampled_from(homes))}/{name}" for name in draw(st.sets(ONE_OF_JUNK))}
    loose |= {"loose.JPG", f"{places['train']}/loose.webp"}
    loose |= set() if direct else {"extra/deep/1.png"}
    others |= draw(st.sets(st.sampled_from(sorted(loose))))
    void = {f"{homes[-1]}/deep/void"} | draw(st.sets(st.just("void")))
    return MadeFolder(images, {name.lstrip("/") for name in others}, void, classes)


ONE_OF_JUNK = st.sampled_from(JUNK)


@st.composite
def files(draw: st.DrawFn, least: int, nested: tuple[str, ...]) -> list[str]:
    """Names of images in folders within folders of the names ``nested``."""
    paths = draw(
        st.lists(st.lists(st.sampled_from(nested), max_size=3), min_size=least, max_size=3)
    )
    extensions = [draw(st.sampled_from(sorted(FORMATS))) for _ in paths]
    return [
        "/".join([*folder, f"{number}.{extension}"])
        for number, (folder, extension) in enumerate(zip(paths, extensions, strict=True))
    ]


def make(root: Path, made: MadeFolder) -> None:
    for place, paths in made.images.items():
        put(root / place, *paths)
    put(root, *made.others)
    for name in made.folders:
        (root / name.lstrip("/")).mkdir(parents=True, exist_ok=True)


def walked(root: Path) -> list[str]:
    """Every file, one by one."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def read_paths(listing: Listing) -> list[str]:
    return [path for split in listing.splits for path in listing.paths(split)]


@given(made=folders())
def test_every_file_is_read_or_counted_as_left_out_and_never_both(made):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, made)
        listing = list_folder(root)
        counted = [name for names in listing.left_out.values() for name in names]
        assert ("void/" in counted) is ("void" in made.folders)
        counted = [name for name in counted if name != "void/"]
        assert sorted(read_paths(listing) + counted) == walked(root)
        assert sorted(counted) == sorted(made.others)
        assert bool(listing.left_out_line()) is bool(counted or "void" in made.folders)


@given(made=folders())
def test_every_image_has_the_class_of_the_folder_that_it_lies_in_however_deep(made):
    expected = {
        f"{place}/{path}".lstrip("/"): name
        for place, paths in made.images.items()
        for path, name in paths.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), made)
        listing = list_folder(Path(folder))
        data = read_folder(listing)
    assert data.classes == tuple(sorted(made.classes))
    labels = [label for split in data.splits.values() for label in split.labels]
    names = ["" if label < 0 else data.classes[label] for label in labels]
    assert dict(zip(read_paths(listing), names, strict=True)) == expected


TRAIN = ("train/ant/1.png", "train/ant/2.png", "train/bee/1.png", "train/bee/2.png")
VAL = ("val/ant/1.png", "val/bee/1.png")


def moved(names: tuple[str, ...], folder: str) -> list[str]:
    return [f"{folder}/{name.partition('/')[2]}" for name in names]


@pytest.mark.parametrize("name", ["val", "valid", "VALID", "Validation", "dev", "val_set"])
def test_validation_images_go_by_any_usual_name(tmp_path, name):
    put(tmp_path, *TRAIN, *moved(VAL, name))
    data = load(DataSpec(), str(tmp_path))
    assert (len(data.train), len(data.val)) == (4, 2)
    assert list_folder(tmp_path).folders["val"] == name


@pytest.mark.parametrize(
    ("names", "split"),
    [(("val", "valid"), "val"), (("train", "Training"), "train"), (("TEST", "testing"), "test")],
)
def test_two_folders_of_one_split_are_refused_by_their_names(tmp_path, names, split):
    put(tmp_path, *TRAIN, *VAL, *(path for name in names for path in moved(VAL, name)))
    with pytest.raises(UsageError, match=f"holds {max(names, key=len)}/|holds {names[0]}/") as told:
        list_folder(tmp_path)
    assert all(f"{name}/" in str(told.value) for name in names)
    assert f"mean {split}; keep only one" in str(told.value)


def test_a_split_within_itself_is_read(tmp_path):
    """As archives are often unpacked into a folder of their own name."""
    for split in ("train", "test"):
        put(tmp_path, *moved(TRAIN, f"{split}_set/{split}_set"))
    data = load(DataSpec(), str(tmp_path))
    assert data.classes == ("ant", "bee")
    assert data.test.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train2017", "val2017"),
        ("seg_train/seg_train", "seg_val/seg_val"),
        ("pets-training", "pets-validation"),
        ("2020 Train", "2020 valid"),
    ],
)
def test_folders_that_differ_in_the_splits_name_alone_are_the_splits(tmp_path, train, val):
    put(tmp_path, *moved(TRAIN, train), *moved(VAL, val), "seg_pred/1.png")
    data = load(DataSpec(), str(tmp_path))
    assert (data.classes, len(data.train), len(data.val)) == (("ant", "bee"), 4, 2)
    assert "1 image in no class folder (seg_pred/1.png)" in left_out(DataSpec(), str(tmp_path))


def test_folds_of_splits_are_refused_by_their_names(tmp_path):
    folds = [moved(TRAIN, f"{split}{fold}") for split in ("train", "test") for fold in (1, 2)]
    put(tmp_path, *chain.from_iterable(folds))
    with pytest.raises(UsageError, match="test1/ and test2/, which all mean test; keep only one"):
        list_folder(tmp_path)


@pytest.mark.parametrize("names", [("steam_train", "car"), ("train stop", "bus stop")])
def test_vehicles_and_stops_are_classes(tmp_path, names):
    put(tmp_path, *(f"{name}/{number}.png" for name in names for number in (1, 2)))
    assert set(list_folder(tmp_path).classes) == set(names)


def test_a_class_may_be_called_test(tmp_path):
    put(tmp_path, *TRAIN, "train/test/1.png", "train/test/2.png", "test/test/1.png")
    data = load(DataSpec(), str(tmp_path))
    assert data.classes == ("ant", "bee", "test")
    assert (data.test.labels.tolist(), data.test.names()) == ([2], ("test/1.png",))


def test_class_folders_at_the_top_are_training_images_where_there_is_val_too(tmp_path):
    put(tmp_path, "ant/1.png", "bee/1.png", "docs/notes.txt", *VAL)
    listing = list_folder(tmp_path)
    assert listing.paths("train") == ["ant/1.png", "bee/1.png"]
    assert listing.paths("val") == list(VAL)
    assert "1 folder without images (docs/)" in listing.left_out_line()


def test_accents_are_the_same_however_a_system_writes_them(tmp_path):
    """macOS writes the letter and the accent apart, other systems as one."""
    one, apart = "caf\u00e9", "cafe\u0301"
    put(tmp_path, f"train/{one}/1.png", f"train/{apart}/2.png", "train/bee/1.png")
    put(tmp_path, f"val/{apart}/1.png", "val/bee/1.png", f"test/{apart}/1.png")
    data = load(DataSpec(), str(tmp_path))
    assert data.classes == ("bee", one)
    assert [split.labels.tolist() for split in data.splits.values()] == [[0, 1, 1], [0, 1], [1]]
    assert left_out(DataSpec(), str(tmp_path)) == ""


def test_vehicles_may_be_trains(tmp_path):
    put(tmp_path, "train/1.png", "train/2.png", "car/1.png", "car/2.png")
    assert list_folder(tmp_path).classes == ("car", "train")


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (
            ["1.png", "2.JPG"],
            "needs at least two class folders, but holds 2 images (1.png, 2.JPG);",
        ),
        (["train/1.png", "val/1.png"], "train needs at least two class folders, but holds 1 image"),
        (["train/ant/1.png"], "two class folders, but holds the folder 'ant'"),
        ([f"pets/{name}" for name in TRAIN], "but pets/train/; give --data {}/pets"),
        (["ant/train/1.png", "bee/train/2.png"], "has no folder train/, but ant/train/;"),
        (["train_val/ant/1.png", "test/1.png"], "train_val/, whose name is not that of a split"),
        (["train2017/ant/1.png", "pets/ant/1.png"], "train2017/, whose name is not that of a"),
        (["train2017/1.png", "val2017/2.png"], "train2017 needs at least two class folders"),
        (
            ["notes.txt", "pets.zip"],
            "no images, but 2 files of no image format that is read (notes",
        ),
        (["train/ant/notes.txt", *VAL, TRAIN[2]], "ant holds no images, but 1 file of no image"),
        ([*TRAIN, "val/Ant/1.png", "val/bee/1.png"], "train lacks the class folder 'Ant'"),
    ],
)
def test_a_folder_of_another_form_is_refused_with_the_form_that_it_must_have(tmp_path, names, line):
    put(tmp_path, *names)
    with pytest.raises(UsageError) as told:
        load(DataSpec(), str(tmp_path))
    assert line.format(tmp_path) in str(told.value)


def test_links_in_circles_end_and_bring_no_images_of_other_classes(tmp_path):
    put(tmp_path, *TRAIN)
    for number in range(9):  # each leads to all: more ways through them than could be gone
        for other in range(9):
            place = tmp_path / "train" / "ant" / f"d{number}"
            place.mkdir(exist_ok=True)
            (place / f"to{other}").symlink_to(f"../d{other}")
    (tmp_path / "train" / "ant" / "up").symlink_to("..")
    (tmp_path / "train" / "ant" / "top").symlink_to(tmp_path)
    assert sorted(read_paths(list_folder(tmp_path))) == sorted(TRAIN)


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_is_read_with_its_own_pixels(tmp_path, extension):
    put(tmp_path, *TRAIN)
    path = tmp_path / "train" / "ant" / f"new.{extension}"
    path.write_bytes(encoded(extension, 200))
    listing = list_folder(tmp_path)
    data = read_folder(listing)
    split = data.train if path.name in str(data.train.filenames) else data.val
    with Image.open(path) as image:
        own = np.asarray(image.convert("RGB"))
    assert np.array_equal(split.images[split.names().index(f"ant/{path.name}")], own)


def test_an_image_is_read_by_its_content_where_its_name_says_another_format(tmp_path):
    put(tmp_path, *TRAIN)
    put(tmp_path, "train/ant/1.png", content=encoded("JPG"))
    put(tmp_path, "train/ant/2.png", content=encoded("webp"))
    assert len(load(DataSpec(), str(tmp_path)).train) == 2


@pytest.mark.parametrize("extension", ["png", "eps", "tga", "ico", "iim", "wmf"])
def test_no_file_has_a_program_started(tmp_path, monkeypatch, extension):
    def started(*_, **__):
        raise AssertionError("Ghostscript")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    put(tmp_path, *TRAIN)
    put(tmp_path, f"train/ant/new.{extension}", content=postscript)
    try:
        load(DataSpec(), str(tmp_path))
    except UsageError as error:
        assert "does not decode" in str(error)
    else:
        assert extension in left_out(DataSpec(), str(tmp_path))


def test_all_bad_images_are_named_in_one_line_by_what_is_wrong(tmp_path):
    put(tmp_path, *TRAIN, *VAL)
    put(tmp_path, *(f"train/ant/bad{number}.png" for number in range(5)), content=b"text")
    (tmp_path / "val" / "bee" / "link.webp").symlink_to("nowhere")
    with pytest.raises(UsageError) as told:
        load(DataSpec(), str(tmp_path))
    assert str(told.value) == (
        f"6 of 12 images in {tmp_path} cannot be read (does not decode as an image: "
        "train/ant/bad0.png, train/ant/bad1.png, train/ant/bad2.png and 2 more; is not a file, or "
        "a broken link: val/bee/link.webp); replace or delete them"
    )


def test_the_line_counts_each_kind_and_gives_examples(tmp_path):
    put(tmp_path, *TRAIN, "a.txt", "b.txt", "c.txt", "d.txt", "train/loose.png", ".hidden.png")
    assert left_out(DataSpec(), str(tmp_path)) == (
        f"left out of {tmp_path}: 4 files of no image format that is read (a.txt, b.txt, c.txt and "
        "1 more); 1 image in no class folder (train/loose.png); 1 hidden file (.hidden.png)"
    )


def test_the_file_of_a_shortcut_is_not_counted_as_left_out(tmp_path):
    put(tmp_path, *TRAIN)
    rows = "".join(f"{name},ant\n" for name in TRAIN)
    (tmp_path / "marks.csv").write_text(f"filename,mark\n{rows}")
    assert "marks.csv" in left_out(DataSpec(), str(tmp_path))
    assert not left_out(DataSpec(shortcut=Shortcut("marks.csv", "mark")), str(tmp_path))


@pytest.mark.parametrize(
    "header",
    [b"filename,label", b"image;class", b"\xff\xfei\0d\0", b"", b"part,filename,label,digit"],
)
def test_a_labels_file_of_another_tool_is_left_out_with_a_word(tmp_path, header):
    put(tmp_path, *TRAIN, *VAL)
    before = load(DataSpec(), str(tmp_path)).fingerprint
    (tmp_path / "labels.csv").write_bytes(header + b"\n1.png,cat\n")
    assert load(DataSpec(), str(tmp_path)).fingerprint == before
    assert (
        "1 list of another tool, without the columns split,filename,label,digit (labels.csv)"
        in (left_out(DataSpec(), str(tmp_path)))
    )


@pytest.fixture
def downloads(monkeypatch):
    """What is asked of the network, which does not answer."""
    asked = []

    def refuse(root, **_):
        asked.append(root)
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", refuse)
    return asked


@pytest.mark.parametrize(
    "names", [["Training/ant/notes.txt", "Testing/ant/notes.txt"], ["thesis.pdf"], ["1.png"]]
)
def test_nothing_is_downloaded_into_a_folder_of_other_things(tmp_path, downloads, names):
    put(tmp_path, *names)
    with pytest.raises(UsageError, match="expected train/CLASS"):
        load(DataSpec("cifar10"), str(tmp_path))
    assert not downloads
    assert walked(tmp_path) == sorted(names)


@pytest.mark.parametrize(
    "names", [[], [".DS_Store"], ["MNIST/raw/notes.txt"], ["cifar-10-batches-py/data_batch_1", "a"]]
)
def test_a_download_begins_where_nothing_or_the_sets_own_files_are(tmp_path, downloads, names):
    put(tmp_path, *names)
    with pytest.raises(UsageError, match="its download failed"):
        load(DataSpec("cifar10"), str(tmp_path))
    assert len(downloads) == 1


@pytest.mark.parametrize(
    ("name", "line"), [("pets.zip", "is an archive; unpack it"), ("notes.txt", "is a file; give")]
)
def test_a_file_instead_of_a_folder_is_refused(tmp_path, name, line):
    put(tmp_path, name)
    with pytest.raises(UsageError, match=line):
        resolve(str(tmp_path / name))


def test_the_command_line_shows_how_a_folder_is_read(tmp_path, capsys):
    put(tmp_path, *TRAIN, *moved(VAL, "valid"), "notes.txt")
    assert main(["show", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 classes: ant, bee",
        "train: 4 images of train/",
        "val: 2 images of valid/",
        "test: 0 images of test/",
        f"left out of {tmp_path}: 1 file of no image format that is read (notes.txt)",
    ]


def test_a_hidden_folder_that_cannot_be_listed_is_counted(tmp_path, monkeypatch):
    """As ``lost+found``, which is root's; who runs as root can list that."""
    put(tmp_path, *TRAIN, "lost+found/1.png")
    real = os.scandir

    def refuse(path):
        if "lost" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert "1 hidden file (lost+found/)" in left_out(DataSpec(), str(tmp_path))

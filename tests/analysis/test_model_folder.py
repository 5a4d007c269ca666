"""``model/``: what it computes and says, what is left out of it, and where it runs."""

import json
import os
import re
import runpy
import struct
import subprocess
import venv
import warnings
import zlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import FinishedSearch, copied_store, run_here
from packaging.requirements import Requirement
from PIL import Image
from sklearn.metrics import accuracy_score
from subjects import SMALL, constructed, noisy, recorded
from test_odd_networks import CLASSES, NAMES, REFUSED, SIDE, WHOLE, head
from torch import Tensor, nn

from analysis.model import CARD, FOLDER, ONNX, PROGRAM, SCRIPT, WEIGHTS, export, folder
from analysis.model.classifier import ImageClassifier
from analysis.run import main
from trainables import architectures
from trainables.data import Dataset, DataSpec, load
from trainables.data.dataset import Split
from trainables.data.image_files import decode, fitted
from trainables.recipe import Setting

EXPORT = folder.export_programs  # itself, and not what copies what it made before
RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def two_classes(height: int, width: int, channels: int) -> Dataset:
    """Noise, of which level 0 is normalised to 0 and level 255 to 255."""
    split = Split(noise(4, height, width, channels), np.array([0, 1, 0, 1]))
    return Dataset("folder", ("a", "b"), (0.0,) * channels, (1 / 255,) * channels, *[split] * 3)


class Seeing(nn.Module):
    """Keeps the images that it is shown."""

    def forward(self, images: Tensor) -> Tensor:
        self.seen = images.permute(0, 2, 3, 1)
        return images.flatten(1)


SIZES = ((1, 1), (5, 31), (64, 64), (48, 200), (333, 100), (1, 700), (1024, 3))


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("shape", [(32, 32, 3), (24, 40, 1)])
def test_the_program_resizes_images_as_a_data_folder_is_read(fit, shape):
    network = Seeing()
    classifier = ImageClassifier(network, two_classes(*shape), fit)
    for height, width in SIZES:
        image = noise(height, width, shape[2])
        classifier(torch.from_numpy(image[None]))
        read = fitted(Image.fromarray(image.squeeze(2) if shape[2] == 1 else image), shape, fit)
        apart = np.abs(network.seen[0].numpy() - read)
        assert apart.max() <= 1, (height, width)  # level, where one lies in the middle of two
        assert apart.mean() < 0.2


def test_the_program_leaves_images_of_the_networks_size_as_they_are():
    network = Seeing()
    image = torch.from_numpy(noise(2, 24, 40, 1))
    ImageClassifier(network, two_classes(24, 40, 1))(image)
    assert torch.equal(network.seen, image.float())


class Exported:
    """A network, and what its files make of images."""

    def __init__(self, network: nn.Module, dataset: Dataset, fit: str, place: Path) -> None:
        self.missing = EXPORT(network.eval(), dataset, fit, place)
        self.classifier, self.place = ImageClassifier(network, dataset, fit), place
        self.channels = dataset.image_shape[2]

    def check(self, *sizes: tuple[int, int, int]) -> None:
        """Check that all compute the same of images of ``sizes``."""
        assert self.missing == {}
        for size in sizes:
            images = noise(*size, self.channels)
            with torch.inference_mode():
                expected = self.classifier(torch.from_numpy(images))
            for run, file in ((export.run_program, PROGRAM), (export.run_onnx, ONNX)):
                torch.testing.assert_close(
                    run(self.place / file, images), expected, atol=1e-5, rtol=0
                )


ARCHITECTURES = architectures.available()
IMAGES = (((32, 48, 1), "pad"), ((40, 40, 3), "stretch"))


def exports() -> Iterator[object]:
    """Each architecture with one kind of images, slowly but for gap5; with the other it is long."""
    for number, name in enumerate(ARCHITECTURES):
        for kind, (shape, fit) in enumerate(IMAGES):
            slow = [pytest.mark.slow] if name != "gap5" or kind else []
            long = [pytest.mark.long] if kind != number % 2 else []
            yield pytest.param(name, shape, fit, marks=slow + long, id=f"{name}-{fit}")


@pytest.mark.parametrize(("name", "shape", "fit"), list(exports()))
def test_every_architecture_becomes_programs_of_images_of_any_size_and_number(
    name, shape, fit, tmp_path
):
    torch.manual_seed(0)
    network = architectures.build(name, image_shape=shape, classes=2, **SMALL.get(name, {}))
    made = Exported(network, two_classes(*shape), fit, tmp_path)
    made.check((3, *shape[:2]), (1, 1, 1), (2, 7, 90), (1, 130, 64))


class CountedByLen(nn.Module):
    """Flattens by the number of images as Python has it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * SIDE**2, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(images.reshape(len(images), -1))
        return logits


class Branching(nn.Module):
    """Decides by what it sees which way to go."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 5), *head())

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits if images.mean() > 0 else -logits


DIFFERENT = ("a recurrent network", "another input", "groups", "logits from a convolution")
DIFFERENT += ("weight norm", "layers called twice", "a functional head")
ODD = {name: (WHOLE | REFUSED)[name][0] for name in DIFFERENT}
ODD |= {"an image count by len": lambda: [CountedByLen()]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD)
def test_a_network_of_another_kind_becomes_programs_too(kind, tmp_path):
    subject = noisy(NAMES, nn.Sequential(*ODD[kind]()), (SIDE, SIDE, 3))
    Exported(subject.model, subject.dataset, "stretch", tmp_path).check((1, SIDE, SIDE), (4, 9, 30))


def test_of_a_network_that_torch_does_not_export_the_reason_is_one_line(tmp_path):
    subject = noisy(NAMES, Branching(), (SIDE, SIDE, 3))
    missing = EXPORT(subject.model, subject.dataset, "stretch", tmp_path)
    assert missing.keys() == {PROGRAM, ONNX, SCRIPT}
    (reason,) = set(missing.values())
    assert reason.startswith("the network cannot be exported (")
    assert reason.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_file_that_computes_something_else_is_not_left(tmp_path, monkeypatch):
    subject = constructed("conv3")
    right = export.run_onnx
    monkeypatch.setattr(export, "run_onnx", lambda *asked: right(*asked) + 2e-4)
    missing = EXPORT(subject.model, subject.dataset, "stretch", tmp_path)
    assert missing.keys() == {ONNX}
    assert re.search(r"its probabilities differ by up to 0\.0002\d* on 100 images", missing[ONNX])
    assert {path.name for path in tmp_path.iterdir()} == {PROGRAM, SCRIPT}


@pytest.fixture
def analyse(finished: FinishedSearch, tmp_path: Path):
    """A function that analyses the small search's winner into a folder, quickly."""
    uri = copied_store(finished, tmp_path)

    def run(*flags: str) -> tuple[int, str, Path]:
        where = ["--tracking-uri", uri, "--out", str(tmp_path / "out"), "--only", "curves"]
        status, printed = run_here(main, ["--search", "small", *where, *flags])
        return status, printed, tmp_path / "out" / FOLDER

    return run


def test_what_cannot_be_made_is_told_and_none_of_it_is_left_of_an_earlier_analysis(
    analyse, monkeypatch
):
    _, _, place = analyse()
    assert (place / ONNX).is_file()
    (place / WEIGHTS).write_bytes(b"of something else")  # so that it is made anew
    (place / "notes.txt").write_text("the user's own")
    monkeypatch.setattr(folder, "export_programs", lambda *_: {ONNX: "for no reason"})
    status, printed, _ = analyse()
    assert status == 0
    assert "left out of model/: model.onnx: for no reason\n" in printed
    assert not (place / ONNX).exists()
    assert json.loads((place / CARD).read_text())["missing"] == {ONNX: "for no reason"}
    assert (place / "notes.txt").read_text() == "the user's own"


def test_a_single_figure_leaves_the_folder_of_the_same_run_as_it_is(analyse):
    _, _, place = analyse()
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir() if path.name != CARD}
    analyse()
    assert (
        before.items() <= {path.name: path.stat().st_mtime_ns for path in place.iterdir()}.items()
    )


def test_an_interrupted_export_leaves_nothing_of_itself(analyse, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "export_programs", interrupt)
    status, _, place = analyse()
    assert status == 130
    assert {path.name for path in place.parent.iterdir()} == {
        *("certificate.json", "predictions.txt", "model.pt")
    }


def test_the_card_tells_of_data_accuracy_setting_and_files(analyse, finished):
    _, _, place = analyse()
    card = json.loads((place / CARD).read_text())
    dataset = load(DataSpec("composite"), "embedded").limited(600, 300)
    best = finished.summary["best"]
    assert tuple(card["classes"]) == dataset.classes
    assert card["input"] == {"height": 40, "width": 40, "channels": 3, "fit": "stretch"}
    assert (card["mean"], card["std"]) == (list(dataset.mean), list(dataset.std))
    assert card["data"]["fingerprint"] == dataset.fingerprint
    assert {n: each["images"] for n, each in card["data"]["splits"].items()} == {
        "train": 600,
        "val": 300,
        "test": len(dataset.test),
    }
    assert card["run_id"] == best["run_id"]
    assert Setting(**card["setting"]).architecture == card["architecture"] == "gap5"
    probabilities = export.run_program(place / PROGRAM, np.array(dataset.val.images))
    right = accuracy_score(dataset.val.labels, probabilities.argmax(1))
    assert card["accuracy"]["value"] == pytest.approx(right, abs=1e-12)
    assert card["accuracy"]["low"] < right < card["accuracy"]["high"]
    weights, own = (
        torch.load(path, weights_only=True) for path in (place / WEIGHTS, place.parent / "model.pt")
    )
    assert weights.keys() == own.keys()
    assert all(torch.equal(weights[key], own[key]) for key in weights)


SCRIPT_FILE = Path(folder.__file__).with_name(SCRIPT)


def test_the_script_is_of_at_most_40_lines_and_imports_torch_and_pillow_alone():
    lines = SCRIPT_FILE.read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert len(lines) <= 40
    assert imported - {"json", "sys", "warnings", "contextlib", "pathlib"} == {"torch", "PIL"}


def held_sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def picture(mode: str) -> Image.Image:
    image = Image.fromarray(noise(9, 14, 3))
    if mode == "I;16":
        return Image.fromarray(RNG.integers(0, 2**16, (9, 14), dtype=np.uint16))
    return image.convert(mode)


READ = {
    "rgb.png": ("RGB", {}),
    "transparent.png": ("RGBA", {}),
    "grey.png": ("L", {}),
    "grey-transparent.png": ("LA", {}),
    "palette.gif": ("P", {}),
    "palette-transparent.png": ("P", {"transparency": b"\x00\x80" * 128}),
    "deep.png": ("I;16", {}),
    "bits.bmp": ("1", {}),
    "print.jpg": ("CMYK", {}),
    "sideways.jpg": ("RGB", {"exif": held_sideways()}),
    "damaged-notes.jpg": ("RGB", {"exif": b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01"}),
    "two.tiff": ("RGB", {"compression": "tiff_lzw"}),
    "web.webp": ("RGB", {"lossless": True}),
}


@pytest.fixture(scope="module")
def pixels():
    """The script's function that reads an image."""
    with warnings.catch_warnings():
        return runpy.run_path(str(SCRIPT_FILE))["_pixels"]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")
@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("channels", [3, 1])
def test_the_script_reads_images_as_a_data_folder_is_read(name, channels, pixels, tmp_path):
    mode, options = READ[name]
    picture(mode).save(tmp_path / name, **options)
    seen = pixels(tmp_path / name, channels).numpy()[0]
    assert np.array_equal(seen, decode(tmp_path / name, seen.shape))


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b"")


def unreadable(folder: Path) -> list[Path]:
    """Files that are no images which can be read."""
    whole = folder / "whole.png"
    picture("RGB").save(whole)
    (folder / "cut.png").write_bytes(whole.read_bytes()[:200])
    (folder / "text.png").write_text("no image")
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    picture("L").convert("F").save(folder / "floats.tiff")
    frames = [Image.fromarray(noise(9, 9, 3)) for _ in range(2)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    whole.unlink()
    return [*sorted(folder.iterdir()), folder / "absent.png"]


def test_the_script_reads_no_broken_file_and_no_bomb(pixels, tmp_path):
    for path in unreadable(tmp_path):
        with pytest.raises((OSError, ValueError, Image.DecompressionBombError)):
            pixels(path, 3)


def content_of(*names: str) -> set[Path]:
    """The files and folders of packages, and of all that they need, in their site-packages."""
    found: dict[str, set[Path]] = {}
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # it is for another machine
        if name not in found:
            tops = {path.parts[0] for path in package.files or ()} - {"..", "__pycache__"}
            found[name] = {Path(str(package.locate_file(top))) for top in tops}
            needs = map(Requirement, package.requires or ())
            wanted += [n.name for n in needs if not n.marker or n.marker.evaluate({"extra": ""})]
    return set().union(*found.values())


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory) -> Path:
    """A Python of its own that has torch, Pillow and what they need, and nothing else."""
    place = tmp_path_factory.mktemp("bare")
    venv.create(place, with_pip=False, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    for path in content_of("torch", "pillow"):
        (site / path.name).symlink_to(path)
    return place / "bin" / "python"


@pytest.mark.slow
def test_torch_and_pillow_alone_predict_images(analyse, bare_python, tmp_path):
    _, _, place = analyse()
    (elsewhere := tmp_path / "elsewhere").mkdir()
    place.rename(elsewhere / "any name")
    script = elsewhere / "any name" / SCRIPT
    dataset = load(DataSpec("composite"), "embedded")
    (images := elsewhere / "images").mkdir()
    for index in range(5):
        Image.fromarray(dataset.test.images[index]).save(images / f"{index}.png")
    (broken := elsewhere / "broken").mkdir()
    names = [*unreadable(broken), *sorted(images.iterdir())]
    absent = ("convoy", "analysis", "trainables", "numpy", "torchvision", "onnxruntime")
    check = f"from importlib.util import find_spec; print(*map(find_spec, {absent}))"
    bare = {"cwd": elsewhere, "env": {}, "capture_output": True, "text": True, "check": False}
    assert set(subprocess.run([bare_python, "-c", check], **bare).stdout.split()) == {"None"}
    done = subprocess.run([bare_python, script, *names], **bare)
    assert done.returncode == 3
    told = done.stderr.splitlines()
    assert [line.partition(": not read (")[0] for line in told] == [str(n) for n in names[:-5]]
    probabilities = export.run_onnx(script.with_name(ONNX), np.array(dataset.test.images[:5]))
    assert done.stdout.splitlines() == [
        f"{images / str(index)}.png: {dataset.classes[row.argmax()]} {100 * row.max():.1f}%"
        for index, row in enumerate(probabilities)
    ]
    assert subprocess.run([bare_python, script, *names[-5:]], **bare).returncode == 0
    assert "usage:" in subprocess.run([bare_python, script], **bare).stderr


@pytest.mark.slow
def test_onnx_and_torch_programs_give_the_networks_classes_of_1000_real_images(real_data, tmp_path):
    spec = DataSpec("cifar10")
    dataset = load(spec, real_data).limited(1000, 500)
    setting = Setting.of("gap5", {"pool_stride": 2, "lr": 0.003}, 1, 0)
    network = recorded(setting, spec, dataset).model(dataset)
    assert EXPORT(network, dataset, "stretch", tmp_path) == {}
    images = np.ascontiguousarray(dataset.test.images[:1000])
    expected = export.probabilities(network, dataset, images)
    assert len(expected.argmax(1).unique()) > 1
    for run, file in ((export.run_program, PROGRAM), (export.run_onnx, ONNX)):
        computed = run(tmp_path / file, images)
        assert float((computed - expected).abs().max()) <= export.TOLERANCE
        assert torch.equal(computed.argmax(1), expected.argmax(1))

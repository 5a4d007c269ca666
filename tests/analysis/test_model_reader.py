"""A model's folder is read without running anything in it, and what is wrong with it told."""

import hashlib
import io
import json
import os
import pickle
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from models import CLASSES, write_model

from analysis.model.reader import read_model_folder
from analysis.model.runtime import classifier
from analysis.predict import main
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.checkpoint import save


class Evil:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.mark),)


def pickled(mark: Path) -> bytes:
    content = io.BytesIO()
    torch.save({"weight": Evil(mark)}, content)
    return content.getvalue()


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """What torch.export writes of a network with weights and buffers."""
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    path = tmp_path_factory.mktemp("program") / "model.pt2"
    sizes = ({0: torch.export.Dim("count"), 2: torch.export.Dim("height", min=8)},)
    example = (torch.zeros(2, 3, 8, 8),)
    torch.export.save(torch.export.export(network, example, dynamic_shapes=sizes), path)
    return path


@pytest.fixture
def model(tmp_path, program) -> Path:
    folder = write_model(tmp_path / "model")
    shutil.copyfile(program, folder / "model.pt2")
    return folder


def test_a_whole_folder_is_read(model):
    folder = read_model_folder(model)
    assert folder.card.classes == CLASSES
    assert folder.card.input.shape == (6, 8, 3)


Change = Callable[[bytes, Path], bytes]


def in_archive(name: str, change: Change) -> Callable[[Path, Path], None]:
    """Change the member of ``model.pt2`` whose name ends so, or add it."""

    def apply(folder: Path, mark: Path) -> None:
        with zipfile.ZipFile(folder / "model.pt2") as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        place = next((each for each in members if each.endswith(name)), f"model/{name}")
        members[place] = change(members.get(place, b""), mark)
        with zipfile.ZipFile(folder / "model.pt2", "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)

    return apply


def use_pickle(config: bytes, mark: Path) -> bytes:
    document = json.loads(config)
    next(iter(document["config"].values()))["use_pickle"] = True
    return json.dumps(document).encode()


def expression(code: str) -> Change:
    """The program, with code that makes a file in place of the first size that is an expression."""
    return lambda program, mark: re.sub(
        rb'(?<="expr_str": )"[^"]*"',
        lambda _: json.dumps(code.format(path=str(mark))).encode(),
        program,
        count=1,
    )


def guard(program: bytes, mark: Path) -> bytes:
    code = f"__import__('os').mkdir({str(mark)!r})"
    return json.dumps({**json.loads(program), "guards_code": [code]}).encode()


def replaced(name: str, content: Callable[[Path], bytes]) -> Callable[[Path, Path], None]:
    return lambda folder, mark: (folder / name).write_bytes(content(mark)) and None


def compressed(folder: Path, mark: Path) -> None:
    with zipfile.ZipFile(folder / "model.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data/weights/weight_0", bytes(10**6))


EVIL = {
    "weights that run code": replaced("weights.pt", pickled),
    "weights as a plain pickle": replaced("weights.pt", lambda mark: pickle.dumps(Evil(mark))),
    "a program that is a plain pickle": replaced(
        "model.pt2", lambda mark: pickle.dumps(Evil(mark))
    ),
    "a program that is a file of torch": replaced("model.pt2", pickled),
    "an example that runs code": in_archive("sample_inputs/model.pt", lambda _, m: pickled(m)),
    "weights of the older form": in_archive("data/weights/model.pt", lambda _, m: pickled(m)),
    "constants of the older form": in_archive("data/constants/model.pt", lambda _, m: pickled(m)),
    "weights that are pickled one by one": in_archive("model_weights_config.json", use_pickle),
    "an object of a class": in_archive(
        "data/constants/opaque_obj_0", lambda _, mark: pickle.dumps(Evil(mark))
    ),
    "a custom object": in_archive("data/constants/custom_obj_0", lambda _, m: pickled(m)),
    "compiled code": in_archive("data/aotinductor/model/model.so", lambda *_: b"\x7fELF"),
    "a size that is code": in_archive(
        "models/model.json", expression("__import__('os').mkdir('{path}')")
    ),
    "a size that is code in a string": in_archive(
        "models/model.json", expression("S('__import__(\\'os\\').mkdir(\\'{path}\\')')")
    ),
    "a size that looks code up": in_archive(
        "models/model.json", expression("__builtins__['eval'] (__builtins__['chr'] (48))")
    ),
    "a size that formats code": in_archive("models/model.json", expression("S('exec%c1)' % 40)")),
    "a guard that is code": in_archive("models/model.json", guard),
    "an archive that unpacks": compressed,
    "no archive": replaced("model.pt2", lambda _: b"PK"),
    "cut weights": replaced("weights.pt", lambda _: b"PK\x03\x04"),
}


@pytest.mark.parametrize("evil", EVIL)
def test_code_in_a_folder_is_refused_in_one_line_and_does_not_run(evil, model, tmp_path, capsys):
    mark = tmp_path / "ran"
    EVIL[evil](model, mark)
    (tmp_path / "x.png").touch()
    assert main(["--model", str(model), str(tmp_path / "x.png")]) == 2
    assert not mark.exists()
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    assert "which was not run" in printed.err


def card(**changes: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        file = folder / "labels.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return apply


SHAPE = {"height": 6, "width": 8, "channels": 3, "fit": "stretch"}
WRONG = {
    "of a later format": (card(format=2), "has format 2, not format 1"),
    "of no format": (card(format=None), "has format None"),
    "of one class": (card(classes=["ant"]), "classes"),
    "of more classes than the network": (card(classes=list("abcd")), "cannot be run"),
    "of a size that is none": (card(input={**SHAPE, "height": 0}), "input.height"),
    "of a size beyond all": (card(input={**SHAPE, "height": 10**9}), "input.height"),
    "of channels that the network has not": (card(input={**SHAPE, "channels": 1}), "cannot be run"),
    "of an unknown fit": (card(input={**SHAPE, "fit": "crop"}), "input.fit"),
    "without a card": (lambda folder: (folder / "labels.json").unlink(), "has no labels.json"),
    "a card that is no JSON": (
        lambda folder: (folder / "labels.json").write_text("{"),
        "is damaged",
    ),
    "a card that is a list": (lambda folder: (folder / "labels.json").write_text("[]"), "damaged"),
    "a card that is no text": (
        lambda folder: (folder / "labels.json").write_bytes(b"\xff\xfe"),
        "is damaged",
    ),
    "without the network": (lambda folder: (folder / "model.onnx").unlink(), "cannot be read"),
    "with another network": (
        lambda folder: (folder / "model.onnx").write_bytes(b"x"),
        "its SHA-256 differs from labels.json",
    ),
    "whose network neither converted nor is of an architecture that is here": (
        card(missing={"model.onnx": "no such layer"}),
        "no such layer; and architecture 'tiny' does not exist",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_folder_is_refused_in_one_line(wrong, tmp_path, capsys):
    folder = write_model(tmp_path / "model")
    change, line = WRONG[wrong]
    change(folder)
    (tmp_path / "x.png").touch()
    assert main(["--model", str(folder), str(tmp_path / "x.png")]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.splitlines()) == 1
    assert line in printed.err


def test_the_folder_of_an_analysis_leads_to_its_model(tmp_path):
    write_model(tmp_path / "model")
    with pytest.raises(UsageError, match=f"give {tmp_path}/model"):
        read_model_folder(tmp_path)


def test_a_network_that_did_not_convert_is_built_anew_with_its_weights(tmp_path):
    folder = write_model(tmp_path / "model")
    network = architectures.build("gap5", image_shape=(6, 8, 3), classes=3, pool_stride=1).eval()
    save(network.state_dict(), folder / "weights.pt")
    card(
        files={"weights.pt": hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest()},
        missing={"model.onnx": "no such layer"},
        setting={"architecture": "gap5", "parameters": {"pool_stride": 1, "dropout": 0.0}},
    )(folder)
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 8, 3), dtype=np.uint8)
    with torch.inference_mode():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        expected = network((pixels - 0.5) / 0.25).softmax(1).numpy()
    assert classifier(read_model_folder(folder))(images) == pytest.approx(expected, abs=1e-6)

"""The images' dependencies: what pyproject.toml asks for, as tested, each with its hashes."""

import json
import re
import runpy
import tomllib
from functools import cache

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
LOCKS = ("search", "torch", "tracking")
IMAGES = {
    "convoy": (
        ("search", "torch"),
        [*PROJECT["project"]["dependencies"], *EXTRAS["cluster"]],
    ),
    "convoy-tracking": (("tracking",), EXTRAS["service"]),
}


@cache
def entries(lock: str) -> dict[str, str]:
    """Each package of a lock, and all that is written of it."""
    text = (ROOT / "locks" / f"{lock}.txt").read_text()
    found = re.split(r"\n(?=\S)", text.strip())[1:]
    return {canonicalize_name(each.split("==")[0]): each for each in found}


def versions(*locks: str) -> dict[str, str]:
    return {
        name: re.search(r"==(\S+)", entry)[1]
        for lock in locks
        for name, entry in entries(lock).items()
    }


@pytest.fixture(scope="module")
def bills(tmp_path_factory):
    """The folder that make sbom writes, read."""
    folder = tmp_path_factory.mktemp("sbom")
    runpy.run_path(str(ROOT / ".ci" / "sbom.py"))["main"](folder)
    return {file.name.split(".")[0]: json.loads(file.read_text()) for file in folder.iterdir()}


def test_every_lock_is_of_an_image():
    assert {file.stem for file in (ROOT / "locks").iterdir()} == set(LOCKS)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_one_version_and_hashes(lock):
    line = r"\S+==\S+ \\\n"
    hashes = r"(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+"
    assert len(entries(lock)) > 10
    assert [each for each in entries(lock).values() if not re.fullmatch(line + hashes, each)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_version_is_the_one_that_was_tested(lock):
    lines = (ROOT / "constraints.txt").read_text().splitlines()[1:]
    tested = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}
    locked = versions(lock)
    assert locked == {name: tested.get(name) for name in locked}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_what_the_project_asks_for(image):
    locks, wanted = IMAGES[image]
    locked = versions(*locks)
    for requirement in map(Requirement, wanted):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"make locks writes {requirement} too"
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_the_editable_install_finds_its_build_system():
    (wanted,) = map(Requirement, PROJECT["build-system"]["requires"])
    assert wanted.specifier.contains(versions("search")[wanted.name])


def test_only_what_another_build_of_torch_brings_itself_is_in_the_lock_of_torch():
    assert {"torch", "torchvision"} <= entries("torch").keys()
    assert not entries("torch").keys() & entries("search").keys()
    others = entries("torch").keys() - {"torch", "torchvision"}
    assert {re.split("-", name)[0] for name in others} == {"nvidia", "cuda"}


@pytest.mark.parametrize("image", IMAGES)
def test_a_bill_of_materials_has_every_package_of_its_image(bills, image):
    bill = bills[image]
    listed = {canonicalize_name(part["name"]): part["version"] for part in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert listed == versions(*IMAGES[image][0])

"""What is in the images: the packages of the locks, and layers that stay while the code changes."""

import json
import re
import shutil
from pathlib import Path

import pytest
from closing_table import note
from engine import ROOT, needs_engine, podman, tried
from images import build_from, search_image, tracking_image
from packaging.utils import canonicalize_name

pytestmark = needs_engine
BASE = {"pip", "setuptools", "wheel", "convoy"}  # of the base image, and the project itself
SOONEST = 15.0  # seconds


def pinned(lines: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s+]+)", lines, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize(
    ("image", "locks"), [(search_image, ("search", "torch")), (tracking_image, ("tracking",))]
)
def test_an_image_has_the_packages_of_its_locks_and_no_others(image, locks):
    command = ("run", "--rm", "--entrypoint=pip", image(), "freeze", "--all")
    installed = pinned(podman(*command, seconds=300))
    locked = pinned("".join((ROOT / "locks" / f"{lock}.txt").read_text() for lock in locks))
    if "nvidia-cublas" not in installed:  # of an index for the CPU
        locked = {name: each for name, each in locked.items() if not re.match("nvidia|cuda", name)}
    assert {name: v for name, v in installed.items() if name not in BASE} == {
        name: v for name, v in locked.items() if name not in BASE
    }


def layers(image: str) -> list[str]:
    return json.loads(podman("image", "inspect", "--format={{json .RootFS.Layers}}", image))


def copied() -> list[str]:
    """What an image is built from."""
    lines = Path(ROOT, ".dockerignore").read_text().splitlines()
    return ["Dockerfile", ".dockerignore", *(each[1:] for each in lines if each.startswith("!"))]


def test_a_change_of_the_code_is_soon_in_an_image_on_the_same_layers_of_dependencies(tmp_path):
    for name in copied():
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / name)
    tags = dependencies, before, after = "convoy-dependencies", "convoy-before", "convoy-after"
    try:
        build_from(tmp_path, dependencies, "dependencies")
        build_from(tmp_path, before, "search")
        with (tmp_path / "search/run.py").open("a") as file:
            file.write("# changed\n")
        seconds = build_from(tmp_path, after, "search")
        changed = podman("run", "--rm", "--entrypoint=tail", after, "-n1", "search/run.py")
        stay = layers(dependencies)
        assert changed == "# changed"
        assert stay == layers(before)[: len(stay)] == layers(after)[: len(stay)]
    finally:
        for (
            tag
        ) in tags:  # podman rmi would remove the layers of dependencies too, which take minutes
            tried("podman", "untag", tag)
    note("search image built again after a change of the code", f"{seconds:.0f} s")
    assert seconds <= SOONEST

"""Both images as they are built: their privileges, their size, and how soon they are rebuilt."""

import re
import shutil
from pathlib import Path

import pytest
from closing_table import note
from engine import ROOT, needs_engine, podman, tried
from images import HARDENED, build_from, search_image, tracking_image

pytestmark = needs_engine
SOONEST, LARGEST = 15.0, {"search": 8.0, "tracking": 1.3}  # seconds; GB


@pytest.mark.parametrize("image", [search_image, tracking_image], ids=["search", "tracking"])
@pytest.mark.parametrize("options", [(), HARDENED], ids=["", "hardened"])
def test_an_image_runs_as_its_user_without_capabilities(image, options):
    read = ("--rm", *options, "--entrypoint=cat", image(), "/proc/1/status")
    status = dict(re.findall(r"^(\w+):\t(.*)$", podman("run", *read), re.MULTILINE))
    assert status["Uid"].split() == status["Gid"].split() == ["1000"] * 4
    held = {status[f"Cap{each}"] for each in ("Inh", "Prm", "Eff", "Amb")}
    assert held == {"0" * 16}
    if options:
        assert (status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "1")


def test_the_search_image_lists_the_spaces():
    listed = podman("run", "--rm", *HARDENED, search_image(), "run", "--list")
    spaces = {path.stem for path in (ROOT / "configs/spaces").glob("*.yaml")}
    assert spaces <= set(listed.split())


def test_without_words_the_search_image_says_what_it_does():
    done = tried("podman", "run", "--rm", *HARDENED, search_image())
    assert done.returncode == 0
    assert {"head", "worker", "demo"} <= set(done.stdout.split())


def test_a_word_that_is_no_command_is_refused_in_one_line():
    done = tried("podman", "run", "--rm", *HARDENED, search_image(), "serch")
    assert done.returncode == 2
    assert done.stdout.startswith("error: ")
    assert done.stdout.count("\n") == 1


def test_nothing_but_code_is_in_an_image():
    names = "import os; print(*os.listdir('/convoy'))"
    found = podman("run", "--rm", "--entrypoint=python", search_image(), "-c", names).split()
    assert set(found) & {"compose.yaml", ".env", "tests", ".git", "docs"} == set()


def test_an_image_is_soon_built_again_after_the_code_has_changed(tmp_path):
    tag = "convoy-test-changed"
    for name in copied():
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, tmp_path / name)
    build_from(tmp_path, tag, "search")
    with (tmp_path / "search/run.py").open("a") as file:
        file.write("# changed\n")
    try:
        seconds = build_from(tmp_path, tag, "search")
        changed = podman("run", "--rm", "--entrypoint=tail", tag, "-n1", "search/run.py")
        assert changed == "# changed"
    finally:
        podman("rmi", "--force", tag)
    note("search image built again after a change of the code", f"{seconds:.0f} s")
    assert seconds <= SOONEST


def copied() -> list[str]:
    """What an image is built from."""
    lines = Path(ROOT, ".dockerignore").read_text().splitlines()
    return ["Dockerfile", ".dockerignore", *(each[1:] for each in lines if each.startswith("!"))]


@pytest.mark.parametrize(
    ("name", "image"), [("search", search_image), ("tracking", tracking_image)]
)
def test_an_image_is_no_larger_than_it_was(name, image):
    size = int(podman("image", "inspect", "--format={{.Size}}", image())) / 1e9
    note(f"size of the {name} image", f"{size:.2f} GB")
    assert size <= LARGEST[name]

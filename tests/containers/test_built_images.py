"""Both images as they are built: their privileges, their size, and what they say."""

import re

import pytest
from closing_table import note
from engine import ROOT, needs_engine, podman, tried
from images import HARDENED, search_image, tracking_image

pytestmark = needs_engine
LARGEST = {"search": 6.0, "tracking": 1.2}  # GB


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


@pytest.mark.parametrize(
    ("name", "image"), [("search", search_image), ("tracking", tracking_image)]
)
def test_an_image_is_no_larger_than_it_was(name, image):
    size = int(podman("image", "inspect", "--format={{.Size}}", image())) / 1e9
    note(f"size of the {name} image", f"{size:.2f} GB")
    assert size <= LARGEST[name]

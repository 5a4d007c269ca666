"""The images under test, built from this checkout once in a process, and their base images."""

import functools
import os
import shutil
import threading
from pathlib import Path

from closing_table import note
from engine import ROOT, build, tried

# How a search begins in the search image.
SEARCH = ("run",)
# All that an image needs, but for volumes.
HARDENED = (
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--read-only",
    "--tmpfs=/tmp",
)


@functools.cache
def search_image() -> str:
    """The name of the search image; ``CONVOY_IMAGE`` names one that is built already."""
    return os.environ.get("CONVOY_IMAGE") or _built("convoy-test", "search")


@functools.cache
def tracking_image() -> str:
    """The name of the tracking image; ``CONVOY_TRACKING_IMAGE`` names one that is built already."""
    return os.environ.get("CONVOY_TRACKING_IMAGE") or _built("convoy-tracking-test", "tracking")


@functools.cache
def postgres_image() -> str:
    """The name of the image of the database in compose.yaml."""
    return base("postgres:17-bookworm")


@functools.cache
def base(name: str) -> str:
    """The image of that name: at hand, of the registry, or made of Debian's packages."""
    if tried("podman", "image", "exists", name).returncode == 0:
        return name
    reached = tried("timeout", "20", "podman", "manifest", "inspect", name).returncode == 0
    if reached and tried("podman", "pull", "--quiet", name, seconds=900).returncode == 0:
        return name
    assert shutil.which("mmdebstrap"), f"{name} cannot be pulled, and there is no mmdebstrap"
    script = Path(__file__).with_name("stand_ins.sh")
    done = tried(str(script), name.partition(":")[0], seconds=900)
    assert done.returncode == 0, done.stdout[-3000:]
    return name


def build_from(context: Path, tag: str, target: str) -> float:
    """Build a stage of a checkout; the seconds it took."""
    base("python:3.11-slim")
    index = {"TORCH_INDEX": os.environ["TORCH_INDEX"]} if os.environ.get("TORCH_INDEX") else {}
    return build(tag, target, context, **index)


_BUILDING = threading.Lock()


def _built(tag: str, target: str) -> str:
    """Build it, once also where threads that run faults ask at the same time."""
    with _BUILDING:
        return _built_once(tag, target)


@functools.cache
def _built_once(tag: str, target: str) -> str:
    seconds = build_from(ROOT, tag, target)
    note(f"{target} image built", f"{seconds:.0f} s")
    return tag

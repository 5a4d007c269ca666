"""Buildah and podman, as the tests of the images drive them."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# runc runs where control groups are of both versions, crun does not.
SETTINGS = """
[engine]
runtime = "runc"
compat_api_enforce_docker_hub = false
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
"""

needs_engine = pytest.mark.skipif(
    not os.environ.get("CONVOY_CONTAINER_TEST"), reason="make container-test runs it"
)


@functools.cache
def environment() -> dict[str, str]:
    """The environment of every command: the tests' own settings, where runc is the runtime."""
    if shutil.which("runc") is None:
        return dict(os.environ)
    file = Path(tempfile.mkdtemp(prefix="convoy-engine-")) / "containers.conf"
    file.write_text(SETTINGS)
    return {**os.environ, "CONTAINERS_CONF": str(file)}


def tried(*command: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """A command, its output and its status."""
    return subprocess.run(
        command,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


def podman(*words: str, seconds: float = 60) -> str:
    """What ``podman WORDS`` prints; an AssertionError if it fails."""
    done = tried("podman", *words, seconds=seconds)
    assert done.returncode == 0, f"podman {' '.join(words)}\n{done.stdout}"
    return done.stdout.strip()


def build(tag: str, target: str, context: Path = ROOT, **arguments: str) -> float:
    """Build the image of a stage, by the package index that pip uses here; the seconds it took."""
    mounts = [f"--volume={path}:{path}:ro" for path in index_paths()]
    values = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    began = time.monotonic()
    # Docker's format alone has health checks.
    settings = ["--format=docker", "--isolation=chroot", "--network=host", "--layers"]
    command = ["buildah", "bud", *settings, *mounts, *values, f"--target={target}", f"--tag={tag}"]
    done = tried(*command, str(context), seconds=3600)
    assert done.returncode == 0, done.stdout[-5000:]
    return time.monotonic() - began


@functools.cache
def index_paths() -> tuple[str, ...]:
    """pip's settings on this machine, and the folders of packages that they name."""
    pip = [sys.executable, "-m", "pip", "config"]
    files = re.findall(r"'(.+)', exists: True", tried(*pip, "debug").stdout)
    files += re.findall(r"^ *(/.+), exists: True", tried(*pip, "debug").stdout, re.MULTILINE)
    listed = tried(*pip, "list").stdout
    folders = re.findall(r"(?:file://|(?<=[\s'\"]))(/[^\s'\"]+?)(?:/simple/?)?(?=[\s'\"])", listed)
    paths = {path for path in (*files, *folders) if Path(path).exists()}
    return tuple(sorted(path for path in paths if not path.endswith((".crt", ".pem"))))


@dataclass(frozen=True)
class Container:
    """A container by its name."""

    name: str

    def logs(self) -> str:
        """What its process has printed."""
        return podman("logs", self.name)

    def run(self, *command: str, seconds: float = 60) -> str:
        """What a command prints in it."""
        return podman("exec", self.name, *command, seconds=seconds)

    def state(self) -> dict:
        """How it stands: ``Status``, ``ExitCode``, ``Health``, ..."""
        return json.loads(podman("inspect", "--format={{json .State}}", self.name))

    def stop(self, seconds: int = 60) -> int:
        """Ask it to end, kill it after ``seconds``; its exit status."""
        podman("stop", f"--time={seconds}", self.name, seconds=seconds + 60)
        return int(self.state()["ExitCode"])

    def wait(self, seconds: float) -> int:
        """Its exit status, once it has ended."""
        return int(podman("wait", self.name, seconds=seconds))

    def is_healthy(self) -> bool:
        """Its health check, run now: nothing else runs it where there is no systemd."""
        return tried("podman", "healthcheck", "run", self.name).returncode == 0


@contextmanager
def started(
    name: str, image: str, *command: str, options: tuple[str, ...] = ()
) -> Iterator[Container]:
    """A container in the background, removed in the end."""
    podman("run", "--detach", f"--name={name}", *options, image, *command)
    try:
        yield Container(name)
    finally:
        tried("podman", "rm", "--force", "--volumes", "--time=1", name)


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something is true; an AssertionError that says ``what`` never came."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.5)

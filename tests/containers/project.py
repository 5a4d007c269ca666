"""compose.yaml by Docker Compose on podman's Docker API, in a folder of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import ROOT, Container, environment, podman, tried, until
from images import postgres_image, search_image, tracking_image

# `docker compose`, as the pages write it.
DOCKER = '#!/bin/sh\nshift\nexec "{}" "$@"\n'


@dataclass(frozen=True)
class Project:
    """A project of Docker Compose.

    Attributes:
        name: of the project.
        folder: of compose.yaml and .env.
        variables: the environment of every command.
    """

    name: str
    folder: Path
    variables: dict[str, str]

    def tried(self, line: str, seconds: float = 400) -> subprocess.CompletedProcess[str]:
        """A line of the shell, its output and its status."""
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )

    def run(self, line: str, seconds: float = 400) -> str:
        """What a line of the shell prints; an AssertionError if it fails."""
        done = self.tried(line, seconds)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{self.states()}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """How each container stands."""
        shown = [f"--filter=label=com.docker.compose.project={self.name}", "--all"]
        lines = podman("ps", *shown, "--format={{.Names}}\t{{.Status}}").splitlines()
        return dict(line.removeprefix(f"{self.name}-").split("\t") for line in lines)

    def container(self, service: str, number: int = 1) -> Container:
        """A container of a service."""
        return Container(f"{self.name}-{service}-{number}")

    def starts(self) -> dict[str, str]:
        """Of each container its identifier, and when it was started."""
        form = "--format={{.Id}} {{.State.StartedAt}}"
        return {each: podman("inspect", form, f"{self.name}-{each}") for each in self.states()}

    def secrets(self) -> dict[str, str]:
        """What stands in .env."""
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if re.match("[A-Z_]+=", line))

    def set(self, name: str, value: str) -> None:
        """Have a variable in .env."""
        file = self.folder / ".env"
        lines = [each for each in file.read_text().splitlines() if not each.startswith(f"{name}=")]
        file.write_text("\n".join([*lines, f"{name}={value}", ""]))

    def volume(self, name: str) -> Path:
        """Where a volume lies on this machine."""
        return Path(podman("volume", "inspect", "--format={{.Mountpoint}}", f"{self.name}_{name}"))


@contextmanager
def composed(folder: Path, name: str, **values: Any) -> Iterator[Project]:
    """A project that is not up yet, with the lines ``values`` in its .env; removed in the end."""
    for each in ("compose.yaml", "compose.gpu.yaml", ".env.example", "Dockerfile"):
        shutil.copy(ROOT / each, folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    _name_images(folder / "compose.override.yaml")
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(_program(folder)))
    docker.chmod(0o755)
    own = {"COMPOSE_PROJECT_NAME": name, "PATH": f"{docker.parent}:{os.environ['PATH']}"}
    with _socket(folder / "podman.sock") as address, _health_checks(name):
        own |= {"DOCKER_HOST": address}
        project = Project(name, folder, without_secrets(environment()) | own)
        (made,) = re.findall("^#(.*umask.*)$", (folder / ".env.example").read_text(), re.MULTILINE)
        project.run(made)
        for key, value in values.items():
            project.set(key, value)
        try:
            yield project
        finally:
            project.tried("docker compose down --volumes --timeout=5")


def _name_images(file: Path) -> None:
    """Run the images under test, and build none, also by ``--build``."""
    names = {"database": postgres_image()}
    names |= dict.fromkeys(("tracking", "users"), tracking_image())
    names |= dict.fromkeys(("head", "worker"), search_image())
    lines = [f"  {key}: {{image: {image}, build: !reset null}}" for key, image in names.items()]
    file.write_text("\n".join(["services:", *lines, ""]))


def _program(folder: Path) -> str:
    """Docker Compose: of the machine, or of Debian's package."""
    named = os.environ.get("CONVOY_DOCKER_COMPOSE") or shutil.which("docker-compose")
    if named and "version v1" not in tried(named, "version").stdout.lower():
        return named
    made = folder / "docker-compose"
    done = tried(str(Path(__file__).with_name("docker-compose.sh")), str(made), seconds=300)
    assert done.returncode == 0, done.stdout
    return str(made)


@contextmanager
def _socket(path: Path) -> Iterator[str]:
    """The address of podman's Docker API, which answers until the end."""
    address = f"unix://{path}"
    command = ["podman", "system", "service", "--time=0", address]
    with path.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
    try:
        until(path.exists, 30, "podman's Docker API")
        yield address
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _health_checks(project: str) -> Iterator[None]:
    """Run the health checks of a project at their intervals: podman has systemd do it."""
    ended = threading.Event()
    thread = threading.Thread(target=_check, args=(project, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(60)


def _check(project: str, ended: threading.Event) -> None:
    due: dict[str, float] = {}
    names = ["podman", "ps", f"--filter=label=com.docker.compose.project={project}", "--quiet"]
    while not ended.wait(1):
        for each in tried(*names).stdout.split():
            if time.monotonic() > due.get(each, 0) and (seconds := _interval(each)):
                tried("podman", "healthcheck", "run", each)
                due[each] = time.monotonic() + seconds


def _interval(container: str) -> float:
    """The seconds between a container's health checks; 0 if it has none."""
    shown = tried("podman", "inspect", "--format={{json .Config.Healthcheck}}", container).stdout
    with suppress(ValueError):
        check = json.loads(shown) or {}
        return 0 if check.get("Test", ["NONE"]) == ["NONE"] else check["Interval"] / 1e9
    return 0


def without_secrets(variables: dict[str, str]) -> dict[str, str]:
    """An environment without what stands in .env, which it would have precedence over."""
    own = ("RAY_AUTH", "TRACKING_", "POSTGRES_", "MLFLOW_TRACKING")
    return {key: value for key, value in variables.items() if not key.startswith(own)}


def python(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of Convoy on this machine, with variables of its own."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=without_secrets(dict(os.environ)) | variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

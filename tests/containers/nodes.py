"""A Ray cluster of containers on a network of their own, with a tracking server and one volume."""

import hashlib
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from account import Account, checked
from engine import ROOT, Container, podman, started, tried
from fault import Bench
from images import search_image, tracking_image
from searches import Run, Search, at_the_end, number_of, wait_for

PACKAGES = ("search", "trainables", "analysis", "convoy")
USER = 1000  # of the images
# As long as a container takes to start beside other work.
PATIENCE = 120.0
HEAD_ADDRESS, TRACKING_ADDRESS, FIRST_WORKER = 10, 11, 20  # in the network


@dataclass(frozen=True)
class Node(Container):
    """A container with an address that stays, however often it is started."""

    address: str

    def pid(self) -> int:
        """Its first process, as this machine numbers it."""
        return int(podman("inspect", "--format={{.State.Pid}}", self.name))

    def inside(self, spaces: tuple[str, ...], *command: str) -> None:
        """Run a command as root in some of its name spaces, as flags of nsenter."""
        done = tried("nsenter", f"--target={self.pid()}", *spaces, *command)
        assert done.returncode == 0, f"{self.name}: {' '.join(command)}\n{done.stdout}"


class Job(Run):
    """A command of Python under way in a container.

    Args:
        node: the container.
        arguments: of Python.
        log: where what it prints is kept.
    """

    def __init__(self, node: Node, arguments: list[str], log: Path) -> None:
        self._node, self._file = node, f"/tmp/{log.stem}.pid"
        script = 'echo $$ > "$0"; exec python "$@"'
        command = ["exec", node.name, "sh", "-c", script, self._file, *arguments]
        super().__init__(command, log, program=shutil.which("podman") or "podman")

    def signal(self, name: str) -> None:
        """Send a signal to the command alone."""
        tried("podman", "exec", self._node.name, "sh", "-c", f"kill -{name} $(cat {self._file})")

    def kill(self) -> None:
        """End the command as ``kill -9`` does, and none of its children."""
        self.signal("KILL")
        self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM to the command."""
        self.signal("TERM")

    def end(self) -> None:
        """Kill whatever is left of it."""
        self.signal("KILL")
        super().end()


@dataclass(frozen=True)
class ClusterSearch(Search):
    """A search whose driver runs on a node.

    Attributes:
        driver: the node.
        log_folder: where what its commands print is kept.
    """

    driver: Node = Node("", "")
    log_folder: Path = Path()

    @property
    def logs(self) -> Path:
        return self.log_folder

    def command(self, arguments: list[str], log: Path) -> Run:
        return Job(self.driver, arguments, log)

    def nodes_at_work(self) -> set[str]:
        """The addresses of the nodes on which trials are under way that have reported."""
        under_way = [number for number, status in self.statuses().items() if status == "running"]
        reports = filter(None, map(self.recorded, under_way))
        return {lines[-1]["node_ip"] for lines in reports}

    def begun_on(self, address: str) -> set[int]:
        """The trials of which a report came from a node."""
        numbers = self.statuses()
        return {each for each in numbers if address in {x["node_ip"] for x in self.recorded(each)}}


def checkpoints_account(search: Search) -> Account:
    """Whether each checkpoint that was kept is whole, and of its trial's last epoch.

    A worker that was given up may write one more, which must not stand in for the right one.
    """
    kept = list(search.folder.glob("trial-*-*/checkpoint_*/seal.json"))
    found = checked(kept, f"{search.name}: no checkpoint is left")
    for seal in kept:
        trial = number_of(seal.parents[1])
        last = max((line["epoch"] for line in search.recorded(trial)), default=0)
        told = json.loads(seal.read_text())
        whole = hashlib.sha256((seal.parent / "state.pt").read_bytes()).hexdigest()
        right = (told["epoch"], told["sha256"]) == (last, whole)
        found += checked(right, f"{seal.parent}: {told} after {last} epochs")
    return found


class Nodes:
    """The containers of one cluster.

    Args:
        name: a prefix of all that is made.
        folder: for logs, and in the end a copy of the volume.
        workers: nodes that train, of one CPU each.
        stack: removes what is made.
    """

    def __init__(self, name: str, folder: Path, workers: int, stack: ExitStack) -> None:
        self.name, self._folder, self._stack = name, folder, stack
        podman("network", "create", name)
        stack.callback(tried, "podman", "network", "rm", "--force", name)
        podman("volume", "create", name)
        stack.callback(tried, "podman", "volume", "rm", "--force", name)
        os.chown(self.volume, USER, USER)
        stack.callback(shutil.copytree, self.volume, folder / "volume", dirs_exist_ok=True)
        self.tracking = self._tracking()
        self.make(workers)

    @cached_property
    def volume(self) -> Path:
        """The volume's folder, by the same path on this machine and in the containers."""
        return Path(podman("volume", "inspect", "--format={{.Mountpoint}}", self.name))

    @cached_property
    def _network(self) -> str:
        told = json.loads(podman("network", "inspect", self.name))[0]
        return str(told["subnets"][0]["subnet"]).rpartition(".")[0]

    def _start(
        self, role: str, number: int, image: str, *command: str, options: tuple[str, ...]
    ) -> Node:
        name, address = f"{self.name}-{role}", f"{self._network}.{number}"
        where = (f"--network={self.name}", f"--ip={address}", f"--hostname={role}")
        self._stack.enter_context(started(name, image, *command, options=(*where, *options)))
        return Node(name, address)

    def _tracking(self) -> Node:
        """The tracking image's MLflow, on a database in a file."""
        hosts = f"{self._network}.{TRACKING_ADDRESS}:*,localhost:*,127.0.0.1:*"
        store = ["--backend-store-uri=sqlite:////artifacts/server.db", "--serve-artifacts"]
        store += ["--artifacts-destination=/artifacts", "--workers=1"]
        options = ("--entrypoint=mlflow", "--env=MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false")
        where = ["--host=0.0.0.0", "--port=5000", f"--allowed-hosts={hosts}"]
        return self._start(
            "tracking",
            TRACKING_ADDRESS,
            tracking_image(),
            "server",
            *store,
            *where,
            options=options,
        )

    def _ray(self, name: str, number: int, *role: str) -> Node:
        options = ["--shm-size=512m", f"--volume={self.name}:{self.volume}"]
        options += ["--restart=unless-stopped"]
        if os.environ.get("CONVOY_CONTAINER_CODE"):  # the checkout's code, without a new image
            options += [f"--volume={ROOT / each}:/convoy/{each}:ro" for each in PACKAGES]
        return self._start(name, number, search_image(), *role, options=tuple(options))

    def make(self, workers: int) -> None:
        """Start the head and the workers."""
        self.head = self._ray("head", HEAD_ADDRESS, "head", "--num-cpus=0")
        wait_for(self._answers, "the head's answer", PATIENCE)
        self.workers: list[Node] = []
        for _ in range(workers):
            self.add()
        self.await_all()

    def _answers(self) -> bool:
        try:
            return bool(self._known())
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _known(self) -> list[dict[str, Any]]:
        """The nodes that the head knows, dead ones too."""
        url = f"http://{self.head.address}:8265/api/v0/nodes"
        with urllib.request.urlopen(url, timeout=5) as answer:
            known: list[dict[str, Any]] = json.load(answer)["data"]["result"]["result"]
            return known

    def add(self) -> Node:
        """Start one more node, with one CPU."""
        number = len(self.workers) + 1
        role = ("worker", f"{self.head.address}:6379", "--num-cpus=1")
        node = self._ray(f"worker{number}", FIRST_WORKER + number, *role)
        self.workers.append(node)
        return node

    def await_all(self) -> float:
        """Wait until all workers are part of the cluster, and the server answers; the seconds."""
        start = time.monotonic()
        wait_for(self._answers, "the head's answer", PATIENCE)
        for node in self.workers:
            wait_for(lambda node=node: self.alive(node), f"{node.name} in the cluster", PATIENCE)
        wait_for(self._tracks, "the tracking server's answer", PATIENCE)
        return time.monotonic() - start

    def _tracks(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return True
        except OSError:
            return False

    @property
    def uri(self) -> str:
        """Of the tracking server."""
        return f"http://{self.tracking.address}:5000"

    def alive(self, node: Node) -> bool:
        """True if the head takes a node for alive."""
        return "ALIVE" in self.states(node)

    def states(self, node: Node) -> list[str]:
        """How the head takes a node, for each time that it joined."""
        return [each["state"] for each in self._known() if each["node_ip"] == node.address]

    def seconds_until(self, alive: bool, node: Node, most: float) -> float | None:
        """For how long the head goes on to take a node for dead, or alive; None beyond ``most``."""
        start = time.monotonic()
        while (since := time.monotonic() - start) < most:
            if self.alive(node) is alive:
                return since
            time.sleep(0.5)
        return None

    def search(self, name: str, trials: int = 60, epochs: int = 3, *flags: str) -> ClusterSearch:
        """A search on this cluster, recorded by its tracking server."""
        shared = ("--address", "auto", "--set", "pool_stride=2")
        out = self.volume / "runs"
        return ClusterSearch(
            out,
            name,
            trials,
            epochs,
            (*shared, *flags),
            self.uri,
            driver=self.head,
            log_folder=self._folder / "logs",
        )


@contextmanager
def cluster(bench: Bench, workers: int = 2) -> Iterator[Nodes]:
    """A cluster of a head without CPUs and some workers of one each; removed in the end."""
    with bench.slots, ExitStack() as stack:
        at_the_end(stack.close)
        yield Nodes(f"convoy-{os.getpid()}-{bench.folder.name}", bench.folder, workers, stack)

"""Checks before a search begins: free space on the disk, and the nodes of a cluster."""

import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.driver.resources import Resources
from search.request.request import Request
from search.selection.choice import SAVED_TRIALS
from trainables.architectures import check_trainable
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.recipe import Setting
from trainables.training import network

COPIES = 4  # copies of the weights in a checkpoint: latest, best epoch, two moments of Adam
FLOAT = 4  # bytes
RECORDS = 20 * 2**20  # bytes of MLflow's store and of everything that belongs to no trial
EPOCH = 4 * 2**10  # bytes of an epoch's records, in the trial's files and in MLflow


def check_room(request: Request, resources: Resources) -> None:
    """Raise UsageError unless the disk probably has room for what the search will write."""
    checkpoint = _checkpoint(request)
    budget = request.budget
    saved, running = SAVED_TRIALS + 2 + budget.finals, 2 * resources.concurrency
    epochs = (budget.trials + budget.finals) * budget.epochs
    out = RECORDS + EPOCH * epochs + checkpoint * (2 * saved + running)
    _check_free(request.out, "--out", out)
    _check_free(
        Path(tempfile.gettempdir()), "$TMPDIR", RECORDS + checkpoint * resources.concurrency
    )


def _checkpoint(request: Request) -> int:
    """The bytes of a checkpoint of the first setting, after running its network once."""
    values, dataset = request.proposals.first(), request.dataset
    model = network(Setting.of(request.architecture, values, 1, 0), dataset)
    check_trainable(
        request.architecture,
        model,
        image_shape=dataset.image_shape,
        classes=len(dataset.classes),
    )
    return COPIES * FLOAT * sum(parameter.numel() for parameter in model.parameters())


def _check_free(folder: Path, flag: str, needed: int) -> None:
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise UsageError(
            f"{flag} {folder}: only {free / 1e6:.0f} MB are free, and the search may need "
            f"{needed / 1e6:.0f} MB; free some space, or choose another folder"
        )


LONGEST = 900.0  # seconds that a node may take to read its data or build their cache


@dataclass(frozen=True)
class NodeInspection:
    """What a node sees in the folders that the search reads and writes.

    Attributes:
        host: name of the node.
        folder: the fault of ``--out`` on the node; empty if there is none.
        fingerprint: fingerprint of the data on the node.
        data: the fault of the data on the node; empty if there is none.
    """

    host: str
    folder: str
    fingerprint: str
    data: str


def check_nodes(request: Request) -> None:
    """Let every node that can train inspect ``--out`` and the data.

    At the same time a node builds its cache of the data, once for all its workers.

    Raises:
        UsageError: the nodes do not share one ``--out`` folder, or their data differ.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with _token(request.out) as token:
        tasks = [_begin(node, token, request) for node in nodes]
        for node, task in zip(nodes, tasks, strict=True):
            address = str(node["NodeManagerAddress"])
            _check_inspection(address, _result(address, task), request)


def _check_inspection(address: str, inspection: NodeInspection, request: Request) -> None:
    node = f"node {address} ({inspection.host})"
    if inspection.folder:
        raise UsageError(
            f"--out {request.out}: {node} {inspection.folder}; name a folder on storage that all "
            "nodes share under the same path"
        )
    if inspection.data:
        raise UsageError(f"--data {request.source}: {node}: {inspection.data}")
    if inspection.fingerprint != request.dataset.fingerprint:
        raise UsageError(
            f"--data {request.source}: {node} has different data there "
            f"({inspection.fingerprint[:12]}, here {request.dataset.fingerprint[:12]})"
        )


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """Make a file in ``out`` that no other machine has by chance; its path.

    Raises:
        UsageError: the file cannot be written.
    """
    path = out / f".convoy-{uuid.uuid4().hex}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
        yield path
    except OSError as error:
        raise UsageError(f"--out {out}: cannot write to this folder ({error.strerror})") from error
    finally:
        for file in out.glob(f"{path.name}*"):
            file.unlink(missing_ok=True)


def _begin(node: dict[str, Any], token: Path, request: Request) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task = ray.remote(inspect_node).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
    return task.remote(str(token), request.data, request.source)


def _result(address: str, task: Any) -> NodeInspection:
    try:
        inspection: NodeInspection = ray.get(task, timeout=LONGEST)
    except GetTimeoutError as error:
        raise UsageError(f"node {address} does not answer within {LONGEST:.0f} s") from error
    except RayError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise UsageError(
            f"node {address} cannot run Convoy ({reason}); install the same version on it"
        ) from error
    return inspection


def inspect_node(token: str, spec: DataSpec, source: str) -> NodeInspection:
    """On a node, inspect the driver's file and the data."""
    folder, fingerprint, data = _folder(Path(token)), "", ""
    try:
        fingerprint = load(spec, source).fingerprint
    except UsageError as error:
        data = str(error)
    return NodeInspection(socket.gethostname(), folder, fingerprint, data)


def _folder(token: Path) -> str:
    try:
        if token.read_text() != token.name:
            return "sees another folder there"
        token.with_name(f"{token.name}-{uuid.uuid4().hex}").write_text("")
    except FileNotFoundError:
        return "does not see it"
    except OSError as error:
        return f"cannot use it ({error.strerror})"
    return ""

"""The nodes of a cluster that was joined, looked at before a search relies on them."""

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.request import Request
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load

LONGEST = 900.0  # seconds in which a node may read its data, or build its cache of them


@dataclass(frozen=True)
class Look:
    """What a node finds where the search will read and write.

    Attributes:
        host: its name.
        folder: what is wrong with ``--out`` there; empty if nothing is.
        fingerprint: of the data there.
        data: what is wrong with them; empty if nothing is.
    """

    host: str
    folder: str
    fingerprint: str
    data: str


def check_nodes(request: Request) -> None:
    """Have every node that can train look at ``--out`` and at the data.

    A node builds its cache of the data meanwhile, once for all of its workers.

    Raises:
        UsageError: ``--out`` is not one folder for all of them, or the data differ.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with _token(request.out) as token:
        looks = [_begin(node, token, request) for node in nodes]
        for node, look in zip(nodes, looks, strict=True):
            address = str(node["NodeManagerAddress"])
            _check(address, _result(address, look), request)


def _check(address: str, look: Look, request: Request) -> None:
    node = f"node {address} ({look.host})"
    if look.folder:
        raise UsageError(
            f"--out {request.out}: {node} {look.folder}; name a folder on storage that all nodes "
            "share under the same path"
        )
    if look.data:
        raise UsageError(f"--data {request.source}: {node}: {look.data}")
    if look.fingerprint != request.dataset.fingerprint:
        raise UsageError(
            f"--data {request.source}: {node} has other data there "
            f"({look.fingerprint[:12]}, here {request.dataset.fingerprint[:12]})"
        )


@contextmanager
def _token(out: Path) -> Iterator[Path]:
    """A file in ``out`` that no other machine has by chance.

    Raises:
        UsageError: it cannot be written.
    """
    path = out / f".convoy-{uuid.uuid4().hex}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
        yield path
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written to ({error.strerror})") from error
    finally:
        for each in out.glob(f"{path.name}*"):
            each.unlink(missing_ok=True)


def _begin(node: dict[str, Any], token: Path, request: Request) -> Any:
    here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task = ray.remote(look_round).options(num_cpus=0, max_retries=0, scheduling_strategy=here)
    return task.remote(str(token), request.data, request.source)


def _result(address: str, look: Any) -> Look:
    try:
        found: Look = ray.get(look, timeout=LONGEST)
    except GetTimeoutError as error:
        raise UsageError(f"node {address} does not answer within {LONGEST:.0f} s") from error
    except RayError as error:
        reason = str(error).strip().splitlines()[-1][:200]
        raise UsageError(
            f"node {address} cannot run Convoy ({reason}); install the same version there"
        ) from error
    return found


def look_round(token: str, spec: DataSpec, source: str) -> Look:
    """Look, from a node, at the file that the driver has written, and at the data."""
    folder, fingerprint, data = _folder(Path(token)), "", ""
    try:
        fingerprint = load(spec, source).fingerprint
    except UsageError as error:
        data = str(error)
    return Look(socket.gethostname(), folder, fingerprint, data)


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

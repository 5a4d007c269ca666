"""``configs/clusters/*.yaml``: where a search can be sent, validated."""

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.boundary.validation import first_fault
from trainables.data import EMBEDDED

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$")]
# No backslash: sbatch takes it in a path for an escape.
Absolute = Annotated[str, Field(pattern=r"^/[^\x00-\x1f\x7f\\]*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")]
Megabytes = Annotated[
    str, Field(pattern=r"^[0-9]+[KMGT]?$")
]  # or of the unit that the letter names
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,:+@=-]*$")]
_SECRET = re.compile("PASSWORD|PASSWD|TOKEN|SECRET|RAY_AUTH", re.IGNORECASE)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cluster(_Strict):
    """What every kind has.

    Attributes:
        out: folder of all searches, on storage that every node reaches at this path.
        data: data folder on the nodes, or ``embedded``.
        tracking_uri: of the tracking server as the nodes reach it; None for a file in ``out``.
        environment: variables of the search. No secrets: they are shown.
    """

    out: Absolute
    data: Line | None = None
    tracking_uri: Line | None = None
    environment: dict[Variable, Line] = {}

    @field_validator("tracking_uri")
    @classmethod
    def _without_password(cls, uri: str | None) -> str | None:
        if uri is not None and masked(uri) != uri:
            raise ValueError("holds a password, and this file is shown; leave it to a variable")
        return uri

    @field_validator("environment")
    @classmethod
    def _without_secrets(cls, environment: dict[str, str]) -> dict[str, str]:
        for name in filter(_SECRET.search, environment):
            raise ValueError(f"{name} sounds like a secret, and this file is shown")
        return environment


class RayJobs(Cluster):
    """A Ray cluster that runs already, reached by its job API.

    Attributes:
        address: of its dashboard, as this machine reaches it.
        ship: whether the code here is sent; else what the nodes have installed runs.
        pip: packages that Ray installs for the search, where the nodes lack them.
        python: the interpreter with Convoy's packages, as the head finds it.
    """

    kind: Literal["ray-jobs"]
    address: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
    ship: bool = True
    pip: list[Line] = []
    python: Line = "python"


class Node(_Strict):
    """What a pod asks for.

    Attributes:
        cpus: CPUs.
        memory: such as 16Gi.
        node_selector: labels that its node must have.
        tolerations: keys of the taints that its node may have.
    """

    cpus: PositiveInt
    memory: Quantity
    node_selector: dict[Line, Line] = {}
    tolerations: list[Line] = []


class Workers(Node):
    """The pods that train.

    Attributes:
        gpus: GPUs.
        min: pods that always run: 1 or more, so that the search finds a place to begin.
        max: pods that autoscaling may start.
    """

    gpus: Annotated[int, Field(ge=0)] = 0
    min: PositiveInt = 1
    max: PositiveInt

    @model_validator(mode="after")
    def _ordered(self) -> "Workers":
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, but max is {self.max}")
        return self


class Volume(_Strict):
    """A persistent volume that all pods mount.

    Attributes:
        claim: name of its PersistentVolumeClaim, which must allow ReadWriteMany.
        mount: where; ``out`` lies beneath.
    """

    claim: Name
    mount: Absolute


class KubeRay(Cluster):
    """A Ray cluster that the KubeRay operator makes for one search, and removes after it.

    Attributes:
        namespace: of Kubernetes.
        image: built from the Dockerfile.
        pull_secret: secret with which the image is pulled, or None.
        head: the pod of the driver, on which no trial runs.
        workers: the pods that train.
        volume: of ``out``, and of the data if they lie beneath.
        token_secret: Kubernetes secret with Ray's token as ``auth_token``; None has one made.
        tracking_secret: secret whose keys become variables, such as MLFLOW_TRACKING_PASSWORD.
        ttl_seconds: after its end the cluster and its job stay for so long.
    """

    kind: Literal["kuberay"]
    namespace: Name = "default"
    image: Line
    pull_secret: Name | None = None
    head: Node
    workers: Workers
    volume: Volume
    token_secret: Name | None = None
    tracking_secret: Name | None = None
    ttl_seconds: Annotated[int, Field(ge=0)] = 3600

    @model_validator(mode="after")
    def _on_the_volume(self) -> "KubeRay":
        mount = PurePosixPath(self.volume.mount)
        for key in ("out", "data"):
            path = getattr(self, key)
            if path not in (None, EMBEDDED) and not _is_beneath(PurePosixPath(path), mount):
                raise ValueError(f"{key} is {path}, which is not beneath volume.mount, {mount}")
        return self


def _is_beneath(path: PurePosixPath, folder: PurePosixPath) -> bool:
    return ".." not in path.parts and path.is_relative_to(folder)


class Slurm(Cluster):
    """A Slurm cluster, on which a job starts a Ray cluster of its own.

    Attributes:
        folder: of the code, on storage that every node reaches.
        nodes: of the job.
        cpus: CPUs of a node.
        gpus: GPUs of a node.
        memory: of a node, as sbatch writes it; None for the partition's default.
        time: the limit, as sbatch writes it, such as 08:00:00.
        partition: or None for the default.
        account: to be charged, or None.
        exclusive: whether no other job shares the nodes. Ray must have them to itself: it refuses a
            node on which another Ray runs, and ends every Ray of yours there when it ends.
        setup: shell lines after which ``python`` and ``ray`` are Convoy's, run on the first node;
            the others get its environment.
        port: of Ray's head.
    """

    kind: Literal["slurm"]
    folder: Absolute
    nodes: PositiveInt = 1
    cpus: PositiveInt
    gpus: Annotated[int, Field(ge=0)] = 0
    memory: Megabytes | None = None
    time: Annotated[str, Field(pattern=r"^(\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d){0,2})$")]
    partition: Word | None = None
    account: Word | None = None
    exclusive: bool = True
    setup: list[Line] = []
    port: Annotated[int, Field(gt=1023, lt=65536)] = 6379


# Keys of ``workers`` that had other names.
_RENAMED = {"least": "min", "most": "max"}
Known = RayJobs | KubeRay | Slurm
_ADAPTER: TypeAdapter[Known] = TypeAdapter(Annotated[Known, Field(discriminator="kind")])


def read_cluster(path: Path) -> Known:
    """The cluster that the file describes.

    Raises:
        UsageError: it cannot be read, or a key is unknown, missing or wrong.
    """
    try:
        written: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--cluster {path}: cannot be read ({error})") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = " ".join(str(error).split())[:200]
        raise UsageError(f"--cluster {path}: not YAML ({line})") from error
    try:
        return _ADAPTER.validate_python(_with_new_names(written, path))
    except ValidationError as error:
        fault = first_fault(error, tags=("ray-jobs", "kuberay", "slurm"))
        raise UsageError(f"--cluster {path}: {fault}") from error


def _with_new_names(written: Any, path: Path) -> Any:
    """What was written, with today's keys, each old one named on stderr."""
    workers = written.get("workers") if isinstance(written, dict) else None
    if not isinstance(workers, dict):
        return written
    renamed = [f"{key} is now called {name}" for key, name in _RENAMED.items() if key in workers]
    if renamed:
        print(f"--cluster {path}: workers: {', '.join(renamed)}", file=sys.stderr)
    return {**written, "workers": {_RENAMED.get(key, key): workers[key] for key in workers}}

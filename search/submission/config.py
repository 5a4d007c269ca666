"""``configs/clusters/*.yaml``: where a search can be sent, validated."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from trainables.errors import UsageError

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Absolute = Annotated[str, Field(pattern=r"^/[^\x00\n]*$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Line = Annotated[str, Field(pattern=r"^[^\x00\n]+$")]


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


class RayJobs(Cluster):
    """A Ray cluster that runs already, reached by its job API.

    Attributes:
        address: of its dashboard, as this machine reaches it.
        ship: whether the code here is sent; else what is installed there runs.
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
        gpus: GPUs.
        memory: such as 16Gi.
    """

    cpus: PositiveInt
    gpus: Annotated[int, Field(ge=0)] = 0
    memory: Quantity


class Workers(Node):
    """The nodes that train.

    Attributes:
        least: pods that are always there.
        most: pods that autoscaling may start.
    """

    least: Annotated[int, Field(ge=0)] = 0
    most: PositiveInt


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
        head: the pod of the driver.
        workers: the pods that train.
        volume: of ``out``, and of the data if they lie beneath.
        token_secret: Kubernetes secret with Ray's token as ``auth_token``; None has one made.
        tracking_secret: secret whose keys become variables, such as MLFLOW_TRACKING_PASSWORD.
        ttl_seconds: after its end the cluster and its job stay for so long.
    """

    kind: Literal["kuberay"]
    namespace: Name = "default"
    image: Line
    head: Node
    workers: Workers
    volume: Volume
    token_secret: Name | None = None
    tracking_secret: Name | None = None
    ttl_seconds: Annotated[int, Field(ge=0)] = 3600


class Slurm(Cluster):
    """A Slurm cluster, on which a job starts a Ray cluster of its own.

    Attributes:
        folder: of the code, on storage that every node reaches.
        nodes: of the job.
        cpus: CPUs of a node.
        gpus: GPUs of a node.
        memory: of a node, as sbatch writes it; None for the partition's default.
        time: the most, as sbatch writes it, such as 08:00:00.
        partition: or None for the default.
        account: to be charged, or None.
        setup: shell lines that make ``python`` and ``ray`` those of Convoy, on every node.
        port: of Ray's head.
    """

    kind: Literal["slurm"]
    folder: Absolute
    nodes: PositiveInt = 1
    cpus: PositiveInt
    gpus: Annotated[int, Field(ge=0)] = 0
    memory: Quantity | None = None
    time: Annotated[str, Field(pattern=r"^(\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d){0,2})$")]
    partition: Line | None = None
    account: Line | None = None
    setup: list[Line] = []
    port: Annotated[int, Field(gt=1023, lt=65536)] = 6379


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
        return _ADAPTER.validate_python(written)
    except ValidationError as error:
        fault = error.errors()[0]
        kinds = {"ray-jobs", "kuberay", "slurm"}
        place = ".".join(str(part) for part in fault["loc"] if part not in kinds)
        told = f"{place}: {fault['msg']}" if place else fault["msg"]
        raise UsageError(f"--cluster {path}: {told}") from error

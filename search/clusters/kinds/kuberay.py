"""``kind: kuberay``: a Ray cluster that the KubeRay operator makes for one search."""

import sys
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from search.clusters.base import Backend
from search.clusters.config import Absolute, Cluster, Line, Name, Quantity
from trainables.boundary.validation import ClosedModel
from trainables.data import EMBEDDED

# Former names of keys of ``workers``, with the present ones.
_RENAMED = {"least": "min", "most": "max"}


class Node(ClosedModel):
    """The resources that a pod requests.

    Attributes:
        cpus: number of CPUs.
        memory: memory, such as 16Gi.
        node_selector: labels that the pod's node must have.
        tolerations: keys of the taints that the pod's node may have.
    """

    cpus: PositiveInt
    memory: Quantity
    node_selector: dict[Line, Line] = Field(default={})
    tolerations: list[Line] = Field(default=[])


class Workers(Node):
    """The pods that train.

    Attributes:
        gpus: number of GPUs of a pod.
        min: number of pods that always run; 1 or more, so that the search has a place to begin.
        max: maximum number of pods that autoscaling may start.
    """

    gpus: Annotated[int, Field(ge=0)] = 0
    min: PositiveInt = 1
    max: PositiveInt

    @model_validator(mode="before")
    @classmethod
    def _with_new_names(cls, written: Any) -> Any:
        """The file's content with the present keys; former ones are reported on stderr."""
        if not isinstance(written, dict):
            return written
        old = [f"{key} is now called {name}" for key, name in _RENAMED.items() if key in written]
        if old:
            print(f"workers: {', '.join(old)}", file=sys.stderr)
        return {_RENAMED.get(key, key): value for key, value in written.items()}

    @model_validator(mode="after")
    def _ordered(self) -> "Workers":
        if self.min > self.max:
            raise ValueError(f"min is {self.min}, but max is {self.max}")
        return self


class Volume(ClosedModel):
    """A persistent volume that all pods mount.

    Attributes:
        claim: name of its PersistentVolumeClaim, which must allow ReadWriteMany.
        mount: path at which pods mount it; ``out`` lies below this path.
    """

    claim: Name
    mount: Absolute


class KubeRay(Cluster):
    """A Ray cluster that the KubeRay operator makes for one search, and removes after it.

    Attributes:
        namespace: namespace of Kubernetes.
        image: image that is built from the Dockerfile.
        pull_secret: secret for pulling the image; None if it needs none.
        head: the pod of the driver, on which no trial runs.
        workers: the pods that train.
        volume: volume that holds ``out``, and the data if they lie below its mount.
        token_secret: Kubernetes secret with Ray's token as ``auth_token``; None makes a new one.
        tracking_secret: secret whose keys become variables, such as MLFLOW_TRACKING_PASSWORD.
        ttl_seconds: time for which the cluster and its job stay after the end.
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
                raise ValueError(f"{key} is {path}, which is not below volume.mount, {mount}")
        return self


def _is_beneath(path: PurePosixPath, folder: PurePosixPath) -> bool:
    return ".." not in path.parts and path.is_relative_to(folder)


MODEL = KubeRay


def backend(cluster: KubeRay) -> Backend:
    """The backend for ``cluster``."""
    from search.clusters.kuberay import KubeRayBackend

    return KubeRayBackend(cluster)

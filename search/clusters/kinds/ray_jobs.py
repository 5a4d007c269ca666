"""``kind: ray-jobs``: a running Ray cluster."""

from typing import Annotated, Literal

from pydantic import Field

from search.clusters.base import Backend
from search.clusters.config import Cluster, Line


class RayJobs(Cluster):
    """A running Ray cluster, to which searches are sent by its job API.

    Attributes:
        address: address of its dashboard, as this machine reaches it.
        ship: whether to send the local code; if not, the version installed on the nodes runs.
        pip: packages that Ray installs for the search if the nodes lack them.
        python: the interpreter with Convoy's packages, as the head finds it.
    """

    kind: Literal["ray-jobs"]
    address: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")]
    ship: bool = True
    pip: list[Line] = Field(default=[])
    python: Line = "python"


MODEL = RayJobs


def backend(cluster: RayJobs) -> Backend:
    """The backend for ``cluster``."""
    from search.clusters.ray_jobs import RayJobsBackend

    return RayJobsBackend(cluster)

"""``kind: ray-jobs``: a Ray cluster that runs already."""

from typing import Annotated, Literal

from pydantic import Field

from search.clusters.base import Backend
from search.clusters.config import Cluster, Line


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
    pip: list[Line] = Field(default=[])
    python: Line = "python"


MODEL = RayJobs


def backend(cluster: RayJobs) -> Backend:
    """What sends to ``cluster`` and asks it."""
    from search.clusters.ray_jobs import RayJobsBackend

    return RayJobsBackend(cluster)

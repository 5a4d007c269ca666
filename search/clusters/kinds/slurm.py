"""``kind: slurm``: a Slurm cluster, on which a job starts a Ray cluster of its own."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from search.clusters.base import Backend
from search.clusters.config import Absolute, Cluster, Line, Megabytes, Word


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
    setup: list[Line] = Field(default=[])
    port: Annotated[int, Field(gt=1023, lt=65536)] = 6379


MODEL = Slurm


def backend(cluster: Slurm) -> Backend:
    """What sends to ``cluster`` and asks it."""
    from search.clusters.slurm import SlurmBackend

    return SlurmBackend(cluster)

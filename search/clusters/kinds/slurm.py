"""``kind: slurm``: a Slurm cluster, on which a job starts a Ray cluster of its own."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from search.clusters.base import Backend
from search.clusters.config import Absolute, Cluster, Line, Megabytes, Word


class Slurm(Cluster):
    """A Slurm cluster, on which a job starts a Ray cluster of its own.

    Attributes:
        folder: folder of the code, on storage that every node reaches.
        nodes: number of nodes of the job.
        cpus: number of CPUs of a node.
        gpus: number of GPUs of a node.
        memory: memory of a node, as sbatch writes it; None for the partition's default.
        time: time limit, as sbatch writes it, such as 08:00:00.
        partition: partition; None for the default.
        account: account to charge; None for the default.
        exclusive: whether no other job shares the nodes. Ray needs them alone: it refuses a node on
            which another Ray runs, and when it ends it ends every Ray of yours there.
        setup: shell lines after which ``python`` and ``ray`` are Convoy's, run on the first node;
            the others get its environment.
        port: port of Ray's head.
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
    """The backend for ``cluster``."""
    from search.clusters.slurm import SlurmBackend

    return SlurmBackend(cluster)

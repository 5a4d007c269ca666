"""CPUs and GPUs of a trial, and how many trials run at once."""

from dataclasses import dataclass

from trainables.errors import UsageError


@dataclass(frozen=True)
class Resources:
    """What a trial gets.

    Attributes:
        cpus: CPUs, and threads, of a trial; of a pack, of all its trials together.
        gpus: GPUs of a trial; a fraction shares one; of a pack, of all its trials together.
        concurrency: trials at once.
        packs: processes that train several trials each; 0 where every trial has its own.
    """

    cpus: int
    gpus: float
    concurrency: int
    packs: int = 0


def allot(
    machine_cpus: int,
    machine_gpus: int,
    cpus: int | None = None,
    gpus: float | None = None,
    concurrency: int | None = None,
) -> Resources:
    """Resources of a trial from what there is; what is given stands.

    Without a GPU a trial has one CPU, so that as many run as there are: small networks use one
    thread better than two. With fewer trials at once they share the CPUs evenly. With GPUs a trial
    has one.

    Raises:
        UsageError: a trial would need more than there is.
    """
    gpus = (1.0 if machine_gpus else 0.0) if gpus is None else gpus
    if gpus > machine_gpus:
        raise UsageError(f"--gpus-per-trial {gpus:g}: there are {machine_gpus} GPUs")
    if (cpus or 1) > machine_cpus:
        raise UsageError(f"--cpus-per-trial {cpus}: there are {machine_cpus} CPUs")
    by_gpu = int(machine_gpus / gpus) if gpus else machine_cpus
    at_once = concurrency or max(1, min(by_gpu, machine_cpus // (cpus or 1)))
    each = cpus or max(1, machine_cpus // at_once)
    fitting = max(1, min(by_gpu, machine_cpus // each))
    return Resources(each, gpus, min(at_once, fitting))


def allot_packs(machine_cpus: int, machine_gpus: int, members: int) -> Resources:
    """A pack of ``members`` trials on each GPU; without one, a single pack with all CPUs."""
    packs = max(1, machine_gpus)
    cpus = max(1, machine_cpus // packs)
    return Resources(cpus, 1.0 if machine_gpus else 0.0, packs * members, packs)

"""CPUs and GPUs of a trial, and how many trials run at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.boundary.errors import UsageError


@dataclass(frozen=True)
class Machine:
    """What a node of the cluster has.

    Attributes:
        cpus: CPUs.
        gpus: GPUs.
    """

    cpus: int
    gpus: int = 0


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
    machines: Sequence[Machine],
    cpus: int | None = None,
    gpus: float | None = None,
    concurrency: int | None = None,
) -> Resources:
    """Resources of a trial from those of ``machines``; a value that is not None stands.

    Without a GPU a trial has one CPU, so that as many run as there are: small networks use one
    thread better than two. With fewer trials at once they share the CPUs evenly. With GPUs a trial
    has one. A trial runs on one machine.

    Raises:
        UsageError: a trial would need more than any machine has.
    """
    max_cpus, max_gpus = max(m.cpus for m in machines), max(m.gpus for m in machines)
    gpus = (1.0 if max_gpus else 0.0) if gpus is None else gpus
    if gpus > max_gpus:
        raise UsageError(f"--gpus-per-trial {gpus:g}: {_available(machines, max_gpus, 'GPUs')}")
    if (cpus or 1) > max_cpus:
        raise UsageError(f"--cpus-per-trial {cpus}: {_available(machines, max_cpus, 'CPUs')}")
    max_trials = fitting(machines, cpus or 1, gpus)
    at_once = min(concurrency or max_trials, max_trials)
    cpus = cpus or _even_share(machines, gpus, at_once)
    return Resources(cpus, gpus, max(1, min(at_once, fitting(machines, cpus, gpus))))


def fitting(machines: Sequence[Machine], cpus: int, gpus: float) -> int:
    """Trials of so many CPUs and GPUs that all machines hold at once."""
    by_gpu = (int(machine.gpus / gpus) if gpus else machine.cpus for machine in machines)
    return sum(
        min(gpu_wise, machine.cpus // cpus)
        for gpu_wise, machine in zip(by_gpu, machines, strict=True)
    )


def allot_packs(machines: Sequence[Machine], members: int) -> Resources:
    """A pack of ``members`` trials on each GPU; without one, a single pack with all CPUs."""
    gpus = sum(machine.gpus for machine in machines)
    if not gpus:
        return Resources(max(machine.cpus for machine in machines), 0.0, members, 1)
    cpus = min(machine.cpus // machine.gpus for machine in machines if machine.gpus)
    return Resources(max(1, cpus), 1.0, gpus * members, gpus)


def _even_share(machines: Sequence[Machine], gpus: float, trials: int) -> int:
    """The most CPUs of a trial with which as many ``trials`` still run at once."""
    max_cpus = max(machine.cpus for machine in machines)
    return next((n for n in range(max_cpus, 1, -1) if fitting(machines, n, gpus) >= trials), 1)


def _available(machines: Sequence[Machine], count: int, what: str) -> str:
    return f"{'no node has more than' if len(machines) > 1 else 'there are'} {count} {what}"

"""The CPUs and GPUs of a trial, and the number of trials that run at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.boundary.errors import UsageError


@dataclass(frozen=True)
class Machine:
    """The resources of a node of the cluster.

    Attributes:
        cpus: number of CPUs.
        gpus: number of GPUs.
    """

    cpus: int
    gpus: int = 0


@dataclass(frozen=True)
class Resources:
    """The resources of a trial.

    Attributes:
        cpus: CPUs and threads of a trial; with packs, those of all trials of a pack together.
        gpus: GPUs of a trial, a fraction if it shares one; with packs, those of a whole pack.
        concurrency: number of trials at once.
        packs: number of processes that train several trials each; 0 if every trial has its own.
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
    """The resources of a trial on ``machines``; values that are not None are used as they are.

    Without GPUs a trial gets one CPU, and as many trials run as there are CPUs, because small
    networks use one thread better than two. If fewer trials run at once, they share the CPUs
    evenly. With GPUs a trial gets one. A trial runs on one machine.

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
    """The number of trials with so many CPUs and GPUs that fit on all machines at once."""
    by_gpu = (int(machine.gpus / gpus) if gpus else machine.cpus for machine in machines)
    return sum(
        min(gpu_wise, machine.cpus // cpus)
        for gpu_wise, machine in zip(by_gpu, machines, strict=True)
    )


def allot_packs(machines: Sequence[Machine], members: int) -> Resources:
    """A pack of ``members`` trials on each GPU; without a GPU, a single pack with all CPUs."""
    gpus = sum(machine.gpus for machine in machines)
    if not gpus:
        return Resources(max(machine.cpus for machine in machines), 0.0, members, 1)
    cpus = min(machine.cpus // machine.gpus for machine in machines if machine.gpus)
    return Resources(max(1, cpus), 1.0, gpus * members, gpus)


def _even_share(machines: Sequence[Machine], gpus: float, trials: int) -> int:
    """The largest number of CPUs of a trial with which ``trials`` still run at once."""
    max_cpus = max(machine.cpus for machine in machines)
    return next((n for n in range(max_cpus, 1, -1) if fitting(machines, n, gpus) >= trials), 1)


def _available(machines: Sequence[Machine], count: int, what: str) -> str:
    return f"{'no node has more than' if len(machines) > 1 else 'there are'} {count} {what}"

"""How many trials at once a cluster holds at its largest, written into a search's flags."""

from search.command import search_parser
from search.resources import Machine, allot
from search.submission.config import Workers


def with_demand(flags: tuple[str, ...], workers: Workers) -> tuple[str, ...]:
    """``flags`` of ``search.run`` that ask for as many trials at once as the most workers hold.

    Left alone, a search asks for no more than the nodes that are there hold, and so none is
    started: autoscaling answers to trials that wait for room. What the user gave stands. A search
    that goes on has the flags that it began with; packs are made of what is there.

    Args:
        flags: complete.
        workers: of the cluster.

    Raises:
        UsageError: a trial needs more than a worker has.
    """
    asked = search_parser().parse_args(flags)
    if asked.resume is not None or asked.pack is not None:
        return flags
    most = [Machine(workers.cpus, workers.gpus)] * workers.most
    found = allot(most, asked.cpus_per_trial, asked.gpus_per_trial)
    return flags if asked.concurrency else (*flags, f"--concurrency={found.concurrency}")

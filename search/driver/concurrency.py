"""The number of trials that run at once on a cluster that grows, shrinks and is shared."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import ray

from search.driver.resources import Machine, Resources, fitting
from search.records.summary import read_summary
from search.request.request import Limits

REFRESH_SECONDS = 5.0  # between two counts of the nodes


def machines() -> list[Machine]:
    """The CPUs and GPUs of every node that is alive."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Machine(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in alive]


@dataclass
class Concurrency:
    """The number of trials that may run at once. Tune pickles it.

    Args:
        limits: the resources that the search may use.
        resources: the resources of a trial.
        siblings: folders of the searches that share the cluster.
    """

    limits: Limits
    resources: Resources
    siblings: tuple[Path, ...] = ()
    _counted_at: float = field(default=-REFRESH_SECONDS, repr=False)
    _count: int = 0

    def now(self) -> int:
        """The number now: lower while other searches run or a node is lost, higher with more nodes.

        A number that the user gave is divided among searches, but does not change with the nodes.
        """
        if self.limits.address is None:
            return self.resources.concurrency
        if time.monotonic() - self._counted_at >= REFRESH_SECONDS:
            searches = 1 + sum(map(_is_under_way, self.siblings))
            self._count = max(1, self._max() // searches)
            self._counted_at = time.monotonic()
        return self._count

    def _max(self) -> int:
        if self.limits.concurrency is not None or self.resources.packs:
            return self.resources.concurrency
        return fitting(machines(), self.resources.cpus, self.resources.gpus)


def _is_under_way(search: Path) -> bool:
    """True if the search in the folder runs or has not begun yet."""
    return bool(read_summary(search).get("status", "running") == "running")

"""How many trials of a search run at once on a cluster that grows, shrinks and is shared."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import ray

from search.request import Limits
from search.resources import Machine, Resources, fitting
from search.summary import read_summary

LOOK_SECONDS = 5.0  # between two looks at the nodes


def machines() -> list[Machine]:
    """What every node that is alive has."""
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Machine(int(each.get("CPU", 0)), int(each.get("GPU", 0))) for each in found]


@dataclass
class Concurrency:
    """The trials that may run now. Tune pickles it.

    Args:
        limits: what the search may use.
        resources: what a trial gets.
        beside: folders of the searches that share the cluster.
    """

    limits: Limits
    resources: Resources
    beside: tuple[Path, ...] = ()
    _looked: float = field(default=-LOOK_SECONDS, repr=False)
    _found: int = 0

    def now(self) -> int:
        """More once a node was added or a search beside this one has ended, fewer once one is lost.

        What the user gave stands. So does what one machine holds: it does not change.
        """
        limits = self.limits
        if limits.address is None or limits.concurrency is not None or self.resources.packs:
            return self.resources.concurrency
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            fit = fitting(machines(), self.resources.cpus, self.resources.gpus)
            self._found = max(1, fit // (1 + sum(map(_goes_on, self.beside))))
            self._looked = time.monotonic()
        return self._found


def _goes_on(search: Path) -> bool:
    """True if the search in the folder has not begun yet, or runs."""
    return bool(read_summary(search).get("status", "running") == "running")

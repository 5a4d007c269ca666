"""How many trials of a search run at once on a cluster that grows, shrinks and is shared."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import ray

from search.driver.resources import Machine, Resources, fitting
from search.records.summary import read_summary
from search.request.request import Limits

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
        siblings: folders of the searches that share the cluster.
    """

    limits: Limits
    resources: Resources
    siblings: tuple[Path, ...] = ()
    _looked: float = field(default=-LOOK_SECONDS, repr=False)
    _found: int = 0

    def now(self) -> int:
        """Fewer while others run beside this search or a node is lost, more once one was added.

        What the user asked for is divided, but does not change with the nodes.
        """
        if self.limits.address is None:
            return self.resources.concurrency
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            searches = 1 + sum(map(_goes_on, self.siblings))
            self._found = max(1, self._most() // searches)
            self._looked = time.monotonic()
        return self._found

    def _most(self) -> int:
        if self.limits.concurrency is not None or self.resources.packs:
            return self.resources.concurrency
        return fitting(machines(), self.resources.cpus, self.resources.gpus)


def _goes_on(search: Path) -> bool:
    """True if the search in the folder has not begun yet, or runs."""
    return bool(read_summary(search).get("status", "running") == "running")

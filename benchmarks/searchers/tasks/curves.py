"""Learning curves of small networks, recorded by ``benchmarks/searchers/recording.py``."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.searchers.recording import EPOCHS, FILE, GRID
from benchmarks.searchers.table import Table
from search.space.domain import Domains, Range, Values
from trainables.recipe import Value

# Alternately, the data sets with at least 2,000 rows whose best setting is at least 5 points above
# the median one.
TUNING = ("letter", "penbased", "satimage", "splice")
JUDGING = ("optdigits", "ring", "segment", "texture")
TRIALS = 24
WORDS = ("schedule", "optimizer")  # the other keys are ranges of indices of a grid
DOMAINS: Domains = {
    key: Values(options=values) if key in WORDS else Range(low=0, high=len(values) - 1)
    for key, values in GRID.items()
}
BASELINE: dict[str, Value] = {
    "lr": 0,
    "weight_decay": 0,
    "width": 1,
    "depth": 1,
    "schedule": "constant",
    "optimizer": "adam",
}


def read(name: str) -> Table:
    """The table of a data set."""
    accuracy = _accuracy(name)
    final = accuracy.max(axis=-1)

    def curve(values: dict[str, Value]) -> list[float]:
        row: list[float] = accuracy[_index(values)].tolist()
        return row

    best, median = float(final.max()), float(np.median(final))
    return Table(name, DOMAINS, EPOCHS, TRIALS, curve, best, median, starts=(BASELINE,))


def _index(values: dict[str, Value]) -> tuple[int, ...]:
    indices = (GRID[key].index(values[key]) if key in WORDS else int(values[key]) for key in GRID)
    return tuple(indices)


@cache
def _accuracy(name: str) -> NDArray[np.float64]:
    """Validation accuracy by setting and epoch."""
    with np.load(FILE) as recorded:
        accuracy: NDArray[np.float64] = recorded[name] / float(recorded[f"{name}.rows"])
    return accuracy

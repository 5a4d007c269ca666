"""The space gap5 on the embedded data, with the curves of ``benchmarks/simulation.py``."""

import numpy as np

from benchmarks.searchers.table import Table, completed, drawn
from benchmarks.simulation import NOISE, SPACE, Landscape, read_curves
from search.space.domain import Domains, Fixed
from search.space.reader import read_space
from trainables.best_epoch import ACCURACY, figure_of
from trainables.data import EMBEDDED
from trainables.recipe import Value

TUNING: tuple[str, ...] = ()
JUDGING = ("gap5",)
TRIALS = 47
DRAWN = 2000  # random settings that give the median


def read(name: str) -> Table:
    """The landscape; its best value is that of the best recorded curve.

    Other settings have a mean of recorded curves, which is no better.
    """
    space, curves = read_space(SPACE), read_curves()
    fixed = space.fixed_on(EMBEDDED, {})
    domains = {
        key: Fixed(value=fixed[key]) if key in fixed else domain
        for key, domain in space.search.items()
    }
    landscape = Landscape(space, curves)

    def curve(values: dict[str, Value]) -> list[float]:
        return landscape.curve(values).metrics[figure_of(ACCURACY)]

    best = max(max(each.metrics[figure_of(ACCURACY)]) for each in curves)
    settings = drawn(domains, 0, DRAWN)
    median = float(np.median([max(curve(values)) for values in settings]))
    budget = space.embedded.budget
    return Table(
        name,
        domains,
        budget.epochs,
        TRIALS,
        curve,
        best,
        median,
        starts=_starts(domains, [space.baseline, *space.guesses], fixed),
        grace_epochs=budget.grace_epochs,
        noise=NOISE,
    )


def _starts(
    domains: Domains, written: list[dict[str, Value]], fixed: dict[str, Value]
) -> tuple[dict[str, Value], ...]:
    """The baseline and the guesses as whole settings."""
    return tuple(completed(domains, {**values, **fixed}) for values in written)

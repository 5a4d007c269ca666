"""The positions of a setting's values along an axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from analysis.class_names import shortened

MOST = 6  # labels along an axis of whole numbers or names
LONGEST = 12  # characters of a label


@dataclass(frozen=True)
class SettingScale:
    """The positions of a setting's tried values between 0 and 1.

    Fractions are placed by their value or its logarithm. Whole numbers and names are evenly spaced
    in order. Only values that were tried have labels.

    Attributes:
        places: position of each value that was tried.
        labelled: the values that have a label along the axis, in order.
    """

    places: dict[Any, float]
    labelled: tuple[Any, ...]

    @classmethod
    def of(cls, distribution: BaseDistribution, tried: Sequence[Any]) -> "SettingScale":
        """The scale of the values ``tried`` from ``distribution``."""
        if isinstance(distribution, FloatDistribution):
            return cls._of_fractions(sorted(set(tried)), distribution.log)
        number = int if isinstance(distribution, IntDistribution) else str
        values = sorted(set(tried), key=number)
        places = dict(zip(values, np.linspace(0, 1, len(values)).tolist(), strict=True))
        return cls(places, tuple(values[:: -(-len(values) // MOST)]))

    @classmethod
    def _of_fractions(cls, values: list[float], log: bool) -> "SettingScale":
        at = np.log(values) if log else np.array(values)
        shares = (at - at[0]) / max(at[-1] - at[0], 1e-300)
        middle = int(np.abs(shares - 0.5).argmin())
        # A label in the middle needs room between those at the ends.
        between = [middle] if 0.3 < shares[middle] < 0.7 else []
        labelled = sorted({0, *between, len(values) - 1})
        places = dict(zip(values, shares.tolist(), strict=True))
        return cls(places, tuple(values[place] for place in labelled))

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """The positions and the texts of the labels."""
        places = [self.places[value] for value in self.labelled]
        return places, [_written(value) for value in self.labelled]


def _written(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else shortened(str(value), LONGEST)

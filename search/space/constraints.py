"""Constraints: bounds on the metrics of the shortcut that a winner must hold."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from search.space.budget import Strict
from trainables.data.dataset import Split

Measure = Literal["digit_following", "val_accuracy_conflicting", "val_accuracy_aligned"]
CONFIDENCE = 0.95
DRAWS = 10_000
UNMEASURED = 1.0  # excess of a missing metric: the largest that a share can have


class Limit(Strict):
    """The maximum or the minimum of a share of images, in [0, 1]."""

    max: float | None = Field(default=None, ge=0, le=1)
    min: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _one(self) -> "Limit":
        if (self.max is None) is (self.min is None):
            raise ValueError("give either max or min, such as {max: 0.08}")
        return self

    def excess(self, share: float) -> float:
        """The distance of ``share`` beyond the limit; 0 or less if it holds."""
        return share - self.max if self.max is not None else (self.min or 0.0) - share

    def worst(self, low: float, high: float) -> float:
        """The excess of an interval's worse end."""
        return self.excess(high if self.max is not None else low)

    def __str__(self) -> str:
        return f"at most {self.max:g}" if self.max is not None else f"at least {self.min:g}"


def _bound(written: Any) -> Any:
    if not isinstance(written, dict | Limit):
        raise ValueError("must be {max: SHARE} or {min: SHARE}, such as {max: 0.08}")
    return written


Constraints = dict[Measure, Annotated[Limit, BeforeValidator(_bound)]]


def excesses(constraints: Constraints, figures: dict[str, float]) -> dict[str, float]:
    """For each constraint, the distance of a trial's metrics beyond it; 0 or less if it holds."""
    return {
        name: limit.excess(figures[name]) if name in figures else UNMEASURED
        for name, limit in constraints.items()
    }


def violation(constraints: Constraints, figures: dict[str, float]) -> float:
    """The sum of the distances of ``figures`` beyond the constraints; 0 if all hold."""
    return sum(max(0.0, excess) for excess in excesses(constraints, figures).values())


def measurable(constraints: Constraints, split: Split) -> Constraints:
    """The constraints whose metric has images in ``split``."""
    images = images_behind(split)
    return {name: limit for name, limit in constraints.items() if images.get(name)}


def unmeasured(constraints: Constraints, split: Split) -> tuple[str, ...]:
    """The constraints whose metric has no images in ``split``, each with the reason."""
    measured = measurable(constraints, split)
    return tuple(
        f"{name} {limit}: {_lacking(name, split)}"
        for name, limit in constraints.items()
        if name not in measured
    )


def _lacking(name: Measure, split: Split) -> str:
    if split.digits is None:
        return "no shortcut of the validation images is known"
    return f"no validation image {'agrees' if name == 'val_accuracy_aligned' else 'conflicts'}"


def images_behind(split: Split) -> dict[Measure, int]:
    """For each metric, the number of images of ``split`` behind it; empty without digits."""
    if split.digits is None:
        return {}
    conflicting = int(split.conflicting.sum())
    return {
        "digit_following": conflicting,
        "val_accuracy_conflicting": conflicting,
        "val_accuracy_aligned": int(split.aligned.sum()),
    }


def bootstrap(shares: Sequence[float], images: int) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean of ``shares``, one for each training.

    First trainings are resampled, then the images, which are the same for all trainings:
    resampling N images of which a share p counts is a binomial draw. It is not known here which
    errors of the trainings fall on the same images, so they are assumed to coincide, which widens
    the interval. If no image counts, or every one does, all draws are equal, and Wilson's interval
    is used: 0 of 18 images does not prove a share of 0.

    Args:
        shares: (S,), in [0, 1], S at least 1.
        images: number of images that each is a share of.
    """
    if set(shares) in ({0.0}, {1.0}):
        from scipy.stats import binomtest  # imported late, as it takes half a second

        one_kind = binomtest(round(shares[0] * images), max(images, 1))
        interval = one_kind.proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)
    draws, values = np.random.default_rng(0), np.asarray(shares)
    means = values[draws.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    drawn = draws.binomial(max(images, 1), np.clip(means, 0, 1)) / max(images, 1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)

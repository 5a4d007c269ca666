"""Bounds that a winner must hold besides its accuracy, on what was measured of the shortcut."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from search.space.budget import Strict
from trainables.data.dataset import Split

Measure = Literal["digit_following", "val_accuracy_conflicting", "val_accuracy_aligned"]
CONFIDENCE = 0.95
DRAWS = 10_000
UNMEASURED = 1.0  # excess of a figure that is missing: the largest that a share can have


class Limit(Strict):
    """The maximum or the minimum of a share of images, in [0, 1]."""

    max: float | None = Field(default=None, ge=0, le=1)
    min: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _one(self) -> "Limit":
        if (self.max is None) is (self.min is None):
            raise ValueError("give max or min, one of them, such as {max: 0.08}")
        return self

    def excess(self, share: float) -> float:
        """How far ``share`` is beyond the limit; 0 or less if it holds."""
        return share - self.max if self.max is not None else (self.min or 0.0) - share

    def worst(self, low: float, high: float) -> float:
        """The excess of the end of an interval that is the nearer to breaking the limit."""
        return self.excess(high if self.max is not None else low)

    def __str__(self) -> str:
        return f"at most {self.max:g}" if self.max is not None else f"at least {self.min:g}"


def _bound(written: Any) -> Any:
    if not isinstance(written, dict | Limit):
        raise ValueError("must be {max: SHARE} or {min: SHARE}, such as {max: 0.08}")
    return written


Constraints = dict[Measure, Annotated[Limit, BeforeValidator(_bound)]]


def excesses(constraints: Constraints, figures: dict[str, float]) -> dict[str, float]:
    """For each constraint, how far a trial's ``figures`` are beyond it; 0 or less if they hold."""
    return {
        name: limit.excess(figures[name]) if name in figures else UNMEASURED
        for name, limit in constraints.items()
    }


def violation(constraints: Constraints, figures: dict[str, float]) -> float:
    """The sum of all that ``figures`` are beyond; 0 if every constraint holds."""
    return sum(max(0.0, excess) for excess in excesses(constraints, figures).values())


def measurable(constraints: Constraints, split: Split) -> Constraints:
    """Those of the constraints whose figure has images in ``split``."""
    images = images_behind(split)
    return {name: limit for name, limit in constraints.items() if images.get(name)}


def unmeasured(constraints: Constraints, split: Split) -> tuple[str, ...]:
    """Each of the constraints whose figure has no images in ``split``, with the reason."""
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
    """How many images of ``split`` each of the figures is a share of; empty without digits."""
    if split.digits is None:
        return {}
    conflicting = int(split.conflicting.sum())
    return {
        "digit_following": conflicting,
        "val_accuracy_conflicting": conflicting,
        "val_accuracy_aligned": int(split.aligned.sum()),
    }


def bootstrap(shares: Sequence[float], images: int) -> tuple[float, float]:
    """The 95% bootstrap interval of the mean of ``shares``, one of each training.

    Trainings are drawn anew, and then the images, of which all trainings saw the same: resampling
    N images of which a share p counts is a binomial draw. What of the trainings' errors falls on
    the same images is not known here, so they are taken to err alike, which widens the interval.
    Where no image counts, or every one, all draws are alike and Wilson's interval stands for them:
    none of 18 images does not show that there are none.

    Args:
        shares: (S,), in [0, 1], S at least 1.
        images: how many images each is a share of.
    """
    if set(shares) in ({0.0}, {1.0}):
        from scipy.stats import binomtest  # half a second that most searches do without

        one_kind = binomtest(round(shares[0] * images), max(images, 1))
        interval = one_kind.proportion_ci(CONFIDENCE, method="wilson")
        return float(interval.low), float(interval.high)
    draws, values = np.random.default_rng(0), np.asarray(shares)
    means = values[draws.integers(len(values), size=(DRAWS, len(values)))].mean(axis=1)
    drawn = draws.binomial(max(images, 1), np.clip(means, 0, 1)) / max(images, 1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)

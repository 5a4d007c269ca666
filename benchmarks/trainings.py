"""What several trainings of every candidate showed a search, and what they were truly worth.

A split of a thousand images tells the one, another such the other. They are drawn alike, so either
may be the one that searches see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.candidates import Candidate
from benchmarks.selection_curves import LearningCurve
from trainables.boundary.errors import UsageError

# Shares of the images whose digit agrees with the label, by the split that a search chooses on: one
# whose digits are drawn evenly, or one that is taken from the training images.
SHARES = {"unbiased": 0.1, "biased": 0.64}

Split = Literal["val", "test"]
SPLITS: tuple[Split, Split] = ("val", "test")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Trainings:
    """C candidates, each trained with S seeds for E epochs.

    Attributes:
        candidates: C of them.
        aligned: (C, S, E), accuracy where the digit agrees, on the images that searches see; NaN
            once a training has diverged.
        conflicting: the same where it does not.
        unseen: (C, S, E), accuracy on unbiased images that no search sees, likewise.
    """

    candidates: tuple[Candidate, ...]
    aligned: Floats
    conflicting: Floats
    unseen: Floats

    @classmethod
    def of(
        cls,
        candidates: Sequence[Candidate],
        curves: Sequence[LearningCurve],
        seen: Split = "val",
    ) -> "Trainings":
        """The table of all ``curves``, where searches see one split, and the other is the truth.

        Raises:
            UsageError: one is missing, or is of no candidate.
        """
        keys = [(each.architecture, each.number) for each in candidates]
        seeds = sorted({curve.seed for curve in curves})
        expected = sorted((*key, seed) for key in keys for seed in seeds)
        if sorted(curve.key for curve in curves) != expected:
            raise UsageError(
                f"{len(curves)} curves are not {len(seeds)} of each of {len(keys)} candidates; "
                "python -m benchmarks.selection_curves --record trains what is missing"
            )
        epochs = max(len(history) for curve in curves for history in curve.metrics.values())
        shape = (len(keys), len(seeds), epochs)

        def table(name: str) -> Floats:
            found = np.full(shape, np.nan)
            for curve in curves:
                history = curve.metrics[name]
                place = keys.index(curve.key[:2]), seeds.index(curve.seed)
                found[place][: len(history)] = history
            return found

        unseen = SPLITS[1 - SPLITS.index(seen)]
        return cls(
            tuple(candidates),
            table(f"{seen}_accuracy_aligned"),
            table(f"{seen}_accuracy_conflicting"),
            mixed(table(f"{unseen}_accuracy_aligned"), table(f"{unseen}_accuracy_conflicting")),
        )

    @cached_property
    def architectures(self) -> tuple[str, ...]:
        """Of the candidates, in their order."""
        return tuple(candidate.architecture for candidate in self.candidates)

    def seen(self, validation: str) -> Floats:
        """(C, S, E), the accuracy expected on a validation split of this kind of ``SHARES``."""
        return mixed(self.aligned, self.conflicting, SHARES[validation])

    @cached_property
    def diverged(self) -> NDArray[np.bool_]:
        """(C, S), whether a training did not come to its end."""
        return np.isnan(self.unseen[:, :, -1])

    @cached_property
    def worth(self) -> Floats:
        """(C, S), unseen accuracy of the epoch that is kept, the best on the unbiased split.

        A training that diverged leaves no network, and is worth 0.
        """
        kept = np.nan_to_num(self.seen("unbiased"), nan=-1.0).argmax(axis=2)
        found = np.take_along_axis(self.unseen, kept[:, :, None], axis=2)[:, :, 0]
        return np.where(self.diverged, 0.0, found)

    @cached_property
    def truth(self) -> Floats:
        """(C,), what a candidate is worth on average."""
        means: Floats = self.worth.mean(axis=1)
        return means

    def best(self, among: Iterable[int], architecture: str | None = None) -> int:
        """The truly best of the candidates ``among``, or of those of one ``architecture``."""
        able = [i for i in among if architecture in (None, self.architectures[i])]
        return max(able, key=lambda index: self.truth[index])


def mixed(aligned: Floats, conflicting: Floats, share: float = SHARES["unbiased"]) -> Floats:
    """Accuracy where the digits of a ``share`` of the images agree."""
    return share * aligned + (1 - share) * conflicting

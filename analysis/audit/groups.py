"""A network's accuracy on groups of images: by class, and by whether the digit agrees."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from analysis.audit.intervals import Estimate, difference, difference_of_groups, share
from analysis.audit.pull import association
from trainables.data.dataset import NO_CLASS, Integers

_GRID = 2001  # points over [0, 1] for the expected minimum; its error is below 1 / (_GRID - 1)


@dataclass(frozen=True)
class Cell:
    """The images of one class whose digits agree with it, or do not.

    Attributes:
        label: the class.
        aligned: whether the digits agree with the class.
        accuracy: None for a cell without images.
    """

    label: int
    aligned: bool
    accuracy: Estimate | None


@dataclass(frozen=True)
class Constant:
    """The best figures of networks that predict the same class for every image.

    Attributes:
        conflicting: accuracy on the conflicting images.
        following: share of the conflicting images that are predicted as their digit.
        accuracy: accuracy on all images whose digit points to a class.
        pointing: share of these images that are predicted as their digit.
    """

    conflicting: float
    following: float
    accuracy: float
    pointing: float


@dataclass(frozen=True)
class Groups:
    """Accuracy as a whole, by alignment, and by class and alignment.

    Attributes:
        accuracy: accuracy on all images.
        aligned: accuracy on the aligned images.
        conflicting: accuracy on the conflicting images.
        following: share of the conflicting images that are predicted as their digit.
        gap: ``aligned`` minus ``conflicting``.
        excess: ``following`` minus ``conflicting``.
        picture: share of predictions that the label draws to itself among images of one digit.
        cells: two cells of every class, the aligned one first.
        constant: the best figures of networks that predict the same class for every image.
    """

    accuracy: Estimate | None
    aligned: Estimate | None
    conflicting: Estimate | None
    following: Estimate | None
    gap: Estimate | None
    excess: Estimate | None
    picture: Estimate | None
    cells: tuple[Cell, ...]
    constant: Constant

    @property
    def worst(self) -> Cell | None:
        """The first cell with the lowest accuracy; None without images."""
        filled = [cell for cell in self.cells if cell.accuracy is not None]
        return min(filled, key=_accuracy, default=None)

    @property
    def expected_minimum(self) -> float | None:
        """The expected lowest accuracy of the cells if they differed by chance alone.

        By chance alone means: every aligned cell has the true accuracy of all aligned images, and
        every conflicting cell that of all conflicting images. The minimum of many small cells is
        well below the true accuracy of each of them.
        """
        sizes, shares = [], []
        for cell in self.cells:
            group = self.aligned if cell.aligned else self.conflicting
            if cell.accuracy is not None and group is not None:
                sizes.append(cell.accuracy.images)
                shares.append(group.value)
        return expected_minimum(sizes, shares) if sizes else None


def groups_of(predictions: Integers, labels: Integers, digits: Integers, classes: int) -> Groups:
    """The groups of N images; predictions, labels and digits are class indices, (N,)."""
    right, known = predictions == labels, digits != NO_CLASS
    aligned, conflicting = known & (digits == labels), known & (digits != labels)
    cells = tuple(
        Cell(label, wanted, share(right[(labels == label) & group]))
        for label in range(classes)
        for wanted, group in ((True, aligned), (False, conflicting))
    )
    follows = (predictions == digits)[conflicting]
    constant = Constant(
        conflicting=_commonest(labels[conflicting]),
        following=_commonest(digits[conflicting]),
        accuracy=_commonest(labels[known]),
        pointing=_commonest(digits[known]),
    )
    said = np.eye(classes)[predictions[known]]
    return Groups(
        accuracy=share(right),
        aligned=share(right[aligned]),
        conflicting=share(right[conflicting]),
        following=share(follows),
        gap=difference_of_groups(right[aligned], right[conflicting]),
        excess=difference(follows, right[conflicting]),
        picture=association(said, digits[known], labels[known]),
        cells=cells,
        constant=constant,
    )


def _commonest(values: Integers) -> float:
    """The share of the most common of ``values``, (N,); 1 if there are none."""
    return float(np.unique(values, return_counts=True)[1].max() / len(values)) if len(values) else 1


def expected_minimum(sizes: list[int], shares: list[float]) -> float:
    """The expected minimum of independent binomial shares with ``sizes`` and true ``shares``."""
    grid = np.linspace(0, 1, _GRID)
    above = np.ones(_GRID)
    for size, true in zip(sizes, shares, strict=True):
        above *= binom.sf(np.floor(grid * size + 1e-9), size, true)
    return float(np.trapezoid(above, grid))


def _accuracy(cell: Cell) -> float:
    assert cell.accuracy is not None
    return cell.accuracy.value

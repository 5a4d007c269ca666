"""Apply one attribution method to some examples, with the controls that its maps need."""

import copy
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.attribution import Method, strength
from analysis.audit.cue import DIGIT, Cue, shares_inside
from analysis.examples import Example, examples
from analysis.panels import visible
from analysis.sanity import (
    SEED,
    last_layer,
    meaning,
    rank_correlations,
    untrained,
    with_last_layer_redrawn,
)
from analysis.subject import Subject
from trainables.boundary.wording import counted

CORRECT, WRONG = 3, 3
DRAWS = 5  # redraws of the last layer: one alone moves the correlation of coarse maps by some .1


@dataclass(frozen=True)
class Explanation:
    """Maps of the predicted class for some images of the shown split.

    Attributes:
        subject: the run with its network.
        model: a copy of the network in eval mode, to experiment on.
        examples: the images; those predicted correctly come first.
        inputs: (N, C, H, W), input of the network.
        targets: (N,), the predicted classes.
        maps: (N, C, H, W), on the CPU, as are all maps below.
        redrawn: the same maps with new random weights in the last layer, for each redraw.
        unlearned: the same maps of the untrained network; None without digits, as it is unused.
        layer: name of the last layer.
    """

    subject: Subject
    model: nn.Module
    examples: list[Example]
    inputs: Tensor
    targets: Tensor
    maps: Tensor
    redrawn: list[Tensor]
    unlearned: Tensor | None
    layer: str

    @property
    def pictures(self) -> NDArray[np.generic]:
        """The images for drawing, (N, H, W, 3)."""
        return visible(self.subject.split.images[[example.index for example in self.examples]])

    @cached_property
    def correlations(self) -> list[float | None]:
        """Spearman's rank correlation of each map with its controls, mean over the redraws."""
        own = strength(self.maps)
        draws = [rank_correlations(own, strength(maps)) for maps in self.redrawn]
        return [_mean(list(values)) for values in zip(*draws, strict=True)]

    @property
    def correlation(self) -> float | None:
        """The mean correlation over the images that have one."""
        return _mean(self.correlations)

    def sanity(self) -> str:
        """The result of the control, in a line."""
        value = _number(self.correlation)
        return f"sanity: rank correlation with the last layer redrawn {value} ({self.meaning})"

    @property
    def meaning(self) -> str:
        """The meaning of the mean correlation, as a phrase."""
        return meaning(self.correlation)

    def digit(self) -> str:
        """The share of the maps' mass in the digit's square, in a line; empty without digits."""
        if self.unlearned is None:
            return ""
        own, control = self._masses
        return (
            f"in the {self._cue.noun}'s square: {own} of the maps' mass (untrained network "
            f"{control}, area {_percent(self._area)})"
        )

    @property
    def _cue(self) -> Cue:
        return self.subject.cue or DIGIT

    @property
    def _masses(self) -> tuple[str, str]:
        """Share of the mass in the cue's square: of these maps, and of the untrained network's."""
        assert self.unlearned is not None
        own, control = (mean_mass(maps, self._cue) for maps in (self.maps, self.unlearned))
        return _percent(own), _percent(control)

    @property
    def _area(self) -> float:
        return self._cue.area(self.subject.dataset.image_shape)

    def numbers(self) -> dict[str, Any]:
        """The controls as JSON values, over all images and for each image."""
        sanity = {
            "rank_correlation": self.correlation,
            "layer": self.layer,
            "seeds": [SEED + draw for draw in range(len(self.redrawn))],
        }
        rows: list[dict[str, Any]] = [
            asdict(example) | {"rank_correlation": correlation}
            for example, correlation in zip(self.examples, self.correlations, strict=True)
        ]
        numbers = {"classes": self.subject.dataset.classes, "sanity": sanity, "images": rows}
        if self.unlearned is not None:
            for row, mass in zip(rows, digit_mass(self.maps, self._cue), strict=True):
                row["digit_mass"] = mass
            numbers["digit_mass"] = {
                "mean": mean_mass(self.maps, self._cue),
                "last_layer_redrawn": mean_mass(torch.cat(self.redrawn), self._cue),
                "untrained": mean_mass(self.unlearned, self._cue),
                "area": self._area,
            }
        return numbers

    def controls(self) -> str:
        """The results of the controls in sentences; ``introduction`` explains the controls."""
        words = (
            f"The control has a mean rank correlation of {_number(self.correlation)} over "
            f"{len(self.examples)} images and {counted(len(self.redrawn), 'redraw')} of "
            f"{self.layer} ({self.meaning})."
        )
        if self.unlearned is not None:
            noun, (own, control) = self._cue.noun, self._masses
            words += (
                f" The {noun}'s square holds {own} of the mass of these maps, and {control} of "
                "the untrained network's."
            )
        return words


def introduction(subject: Subject) -> str:
    """The text above the first attribution figure, which applies to all of them."""
    words = (
        "Each figure shows maps of images that are predicted correctly and wrongly. Below each map "
        "is its control: the same map after the last layer got new random weights. The number "
        "under it is the rank correlation of map and control. A value near 1 means that the map "
        "follows the picture (edges, busy areas), not the learned last layer (Adebayo et al. 2018)."
    )
    cue = subject.cue
    if cue is None or cue.region is None:
        return words
    area = _percent(cue.area(subject.dataset.image_shape))
    return (
        f"{words} A dotted line frames the {cue.noun}'s square, which is {area} of the area. A "
        "larger share of the maps' mass proves nothing by itself, as the untrained network shows. "
        f"The audit measures the effect of the {cue.noun}."
    )


def explain(subject: Subject, method: Method, draws: int = DRAWS) -> Explanation:
    """Apply ``method`` to images that are predicted correctly or wrongly; compute its controls.

    The last layer gets new random weights ``draws`` times.
    """
    shown = examples(subject, CORRECT, WRONG)
    inputs = subject.inputs([example.index for example in shown])
    targets = torch.tensor([example.predicted for example in shown], device=subject.device)
    model = copy.deepcopy(subject.model).eval()

    def maps(network: nn.Module) -> Tensor:
        return method(network, inputs, targets).cpu()

    redrawn = [maps(with_last_layer_redrawn(model, inputs, SEED + draw)) for draw in range(draws)]
    placed = subject.cue is not None and subject.cue.region is not None
    unlearned = maps(untrained(model)) if placed else None
    layer = last_layer(model, inputs)
    return Explanation(
        subject, model, shown, inputs, targets, maps(model), redrawn, unlearned, layer
    )


def digit_mass(maps: Tensor, cue: Cue = DIGIT) -> list[float | None]:
    """Share of each map's strength, (N, C, H, W), in the cue's square; None for a map of zeros."""
    assert cue.region is not None
    return shares_inside(strength(maps), cue.region)


def mean_mass(maps: Tensor, cue: Cue = DIGIT) -> float | None:
    """The mean of ``digit_mass`` over the maps that have one."""
    return _mean(digit_mass(maps, cue))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f}%"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"

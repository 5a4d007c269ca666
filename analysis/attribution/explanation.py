"""One method on some examples, with the controls without which its maps say little."""

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

CORRECT, WRONG = 3, 3
DRAWS = 5  # of the last layer; its luck moves the correlation of coarse maps by some .1


@dataclass(frozen=True)
class Explanation:
    """Maps of the predicted class for some images of the shown split.

    Attributes:
        subject: whose network.
        model: a copy of it in eval mode, to try things on.
        examples: the images, those predicted rightly first.
        inputs: (N, C, H, W), as the network takes them.
        targets: (N,), the predicted classes.
        maps: (N, C, H, W), on the CPU as all below.
        redrawn: likewise, with the last layer drawn anew, once or several times.
        unlearned: likewise, of the untrained network; None without digits, where nothing asks it.
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
        """The images as they are drawn, (N, H, W, 3)."""
        return visible(self.subject.split.images[[example.index for example in self.examples]])

    @cached_property
    def correlations(self) -> list[float | None]:
        """Spearman's, of each map's strength with and without the last layer, mean over draws."""
        own = strength(self.maps)
        draws = [rank_correlations(own, strength(maps)) for maps in self.redrawn]
        return [_mean(list(values)) for values in zip(*draws, strict=True)]

    @property
    def correlation(self) -> float | None:
        """Their mean over the images that have one."""
        return _mean(self.correlations)

    def sanity(self) -> str:
        """The control in a line."""
        value = _number(self.correlation)
        return f"sanity: rank correlation with the last layer redrawn {value} ({self.meaning})"

    @property
    def meaning(self) -> str:
        """What the mean correlation says, as a phrase."""
        return meaning(self.correlation)

    def digit(self) -> str:
        """Where the maps' mass lies on composite images, in a line; else empty."""
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
        """How much of the maps lies in the cue's square, and of the untrained network's."""
        assert self.unlearned is not None
        own, control = (mean_mass(maps, self._cue) for maps in (self.maps, self.unlearned))
        return _percent(own), _percent(control)

    @property
    def _area(self) -> float:
        return self._cue.area(self.subject.dataset.image_shape)

    def numbers(self) -> dict[str, Any]:
        """The controls, over all images and for each."""
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
        """The controls of these maps in a sentence; ``introduction`` says what they are."""
        words = (
            f"The control: a mean rank correlation of {_number(self.correlation)} over "
            f"{len(self.examples)} images and {len(self.redrawn)} draw(s) of {self.layer} "
            f"({self.meaning})."
        )
        if self.unlearned is not None:
            noun, (own, control) = self._cue.noun, self._masses
            words += (
                f" The {noun}'s square has {own} of these images' mass, of the untrained network's "
                f"{control}."
            )
        return words


def introduction(subject: Subject) -> str:
    """What holds for every figure of this kind, above the first."""
    words = (
        "Each figure shows maps of images predicted rightly and wrongly and, below, a control: the "
        "maps once the last layer is drawn anew. Under each stands the rank correlation of map and "
        "control. A value near 1 means that the map follows the picture (its edges, or where it is "
        "busy) and not what the last layer learned (Adebayo et al. 2018)."
    )
    cue = subject.cue
    if cue is None or cue.region is None:
        return words
    area = _percent(cue.area(subject.dataset.image_shape))
    return (
        f"{words} The {cue.noun}'s square is dotted and has {area} of the area. A share of the "
        "maps' mass above that proves nothing by itself, as the "
        f"untrained network's shows: see the audit for what the {cue.noun} does."
    )


def explain(subject: Subject, method: Method, draws: int = DRAWS) -> Explanation:
    """``method`` on images predicted rightly and wrongly, and on its controls.

    The last layer is redrawn ``draws`` times.
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
    """Share of each map's strength, (N, C, H, W), inside the cue's square; None if it is 0."""
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

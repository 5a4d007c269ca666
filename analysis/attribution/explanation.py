"""One method on some examples, with the controls without which its maps say little."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.attribution import Method, strength
from analysis.examples import Example, examples
from analysis.sanity import (
    SEED,
    last_layer,
    meaning,
    rank_correlations,
    untrained,
    with_last_layer_redrawn,
)
from analysis.subject import Subject
from trainables.data.composite import CANVAS, DIGIT, PICTURE

CORRECT, WRONG = 3, 3
DIGIT_AREA = DIGIT**2 / CANVAS**2  # .16


@dataclass(frozen=True)
class Explanation:
    """Maps of the predicted class for some images of the shown split.

    Attributes:
        subject: whose network.
        model: a copy of it in eval mode, to try things on.
        examples: the images, those predicted rightly first.
        inputs: (N, 3, H, W), as the network takes them.
        targets: (N,), the predicted classes.
        maps: (N, C, H, W), on the CPU as all below.
        redrawn: likewise, with the last layer drawn anew.
        unlearned: likewise, of the untrained network.
        layer: name of the last layer.
    """

    subject: Subject
    model: nn.Module
    examples: list[Example]
    inputs: Tensor
    targets: Tensor
    maps: Tensor
    redrawn: Tensor
    unlearned: Tensor
    layer: str

    @cached_property
    def correlations(self) -> list[float | None]:
        """Spearman's, of each map's strength with and without the last layer."""
        return rank_correlations(strength(self.maps), strength(self.redrawn))

    @property
    def correlation(self) -> float | None:
        """Their mean over the images that have one."""
        known = [value for value in self.correlations if value is not None]
        return float(np.mean(known)) if known else None

    def sanity(self) -> str:
        """The control in a line."""
        value = "none" if self.correlation is None else f"{self.correlation:.2f}"
        return f"sanity: rank correlation with {self.layer} redrawn {value} ({self.meaning})"

    @property
    def meaning(self) -> str:
        """What the mean correlation says, as a phrase."""
        return meaning(self.correlation)

    def digit(self) -> str:
        """Where the maps' mass lies on composite images, in a line; else empty."""
        if not self.subject.dataset.has_digits:
            return ""
        own, control = mean_mass(self.maps), mean_mass(self.unlearned)
        return (
            f"in the digit's square: {_percent(own)} of the maps' mass (untrained network "
            f"{_percent(control)}, area {_percent(DIGIT_AREA)})"
        )

    def numbers(self) -> dict[str, Any]:
        """The controls, over all images and for each."""
        sanity = {"rank_correlation": self.correlation, "layer": self.layer, "seed": SEED}
        rows: list[dict[str, Any]] = [
            {
                "index": example.index,
                "label": example.label,
                "predicted": example.predicted,
                "confidence": example.confidence,
                "digit": example.digit,
                "rank_correlation": correlation,
            }
            for example, correlation in zip(self.examples, self.correlations, strict=True)
        ]
        found = {"classes": self.subject.dataset.classes, "sanity": sanity, "images": rows}
        if self.subject.dataset.has_digits:
            for row, mass in zip(rows, digit_mass(self.maps), strict=True):
                row["digit_mass"] = mass
            found["digit_mass"] = {
                "mean": mean_mass(self.maps),
                "last_layer_redrawn": mean_mass(self.redrawn),
                "untrained": mean_mass(self.unlearned),
                "area": DIGIT_AREA,
            }
        return found

    def limits(self) -> str:
        """The sentences on the controls that every caption ends with."""
        words = (
            f"Redrawing the last layer ({self.layer}) leaves a mean rank correlation of "
            f"{_number(self.correlation)} over these {len(self.examples)} images: {self.meaning}. "
            "A value near 1 means that the map follows the picture's edges and not what was "
            "learned (Adebayo et al. 2018); one seed, few images."
        )
        if self.subject.dataset.has_digits:
            words += (
                f" The digit's square has {_percent(mean_mass(self.maps))} of the mass; a "
                "share above its area proves nothing by itself, as the untrained network has "
                f"{_percent(mean_mass(self.unlearned))}: see the audit for what the digit does."
            )
        return words


def explain(subject: Subject, method: Method) -> Explanation:
    """``method`` on the first images predicted rightly and wrongly, and on both controls."""
    shown = examples(subject, CORRECT, WRONG)
    inputs = subject.inputs(np.array([example.index for example in shown]))
    targets = torch.tensor([example.predicted for example in shown], device=subject.device)
    model = copy.deepcopy(subject.model).eval()
    networks = (model, with_last_layer_redrawn(model, inputs), untrained(model))
    own, redrawn, unlearned = (method(each, inputs, targets).cpu() for each in networks)
    layer = last_layer(model, inputs)
    return Explanation(subject, model, shown, inputs, targets, own, redrawn, unlearned, layer)


def digit_mass(maps: Tensor) -> list[float | None]:
    """Share of each map's strength, (N, C, 40, 40), inside the digit's square; None if it is 0."""
    found = strength(maps).double()
    inside = found[:, PICTURE:, PICTURE:].sum(dim=(1, 2)).tolist()
    whole = found.sum(dim=(1, 2)).tolist()
    return [part / total if total > 0 else None for part, total in zip(inside, whole, strict=True)]


def mean_mass(maps: Tensor) -> float | None:
    """The mean of ``digit_mass`` over the maps that have one."""
    known = [share for share in digit_mass(maps) if share is not None]
    return float(np.mean(known)) if known else None


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.0f}%"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"

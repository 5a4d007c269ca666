"""The audit's figures for networks whose behaviour is known, and for two that were trained.

A pure cheater predicts the digit. A robust network of accuracy a ignores it. The Bayes-optimal
network on a training set whose digits agree with 64% of the labels reads pictures as well as the
second trained network and adds ln 16 to the digit's logit. The trained networks are ``gap5`` after
eight epochs of one recipe and one seed, on that set and on one with random digits, measured on
unbiased validation images. A figure that was neither derived nor measured is None.
"""

import math
from dataclasses import dataclass

from analysis.audit.cue import DIGIT, Cue

BAYES_NATS = math.log(0.64 / 0.04)


@dataclass(frozen=True)
class Reference:
    """One figure of the audit for five networks, in the unit of that figure."""

    cheater: float | None = None
    robust: float | None = None
    bayes: float | None = None
    biased: float | None = None
    unbiased: float | None = None


def references(accuracy: float, cue: Cue = DIGIT) -> dict[str, Reference]:
    """The reference figures by metric; the robust network is as accurate as ``accuracy``.

    For a shortcut other than the digit of composite images, only the cheater and the robust network
    have figures. Some metrics have none.
    """
    if cue.composite:
        return _of_digits(accuracy)
    chance, follows = 1 / cue.kinds, (1 - accuracy) / (cue.kinds - 1)
    known = {
        **{name: (each.cheater, each.robust) for name, each in _of_digits(accuracy).items()},
        "accuracy": (None, accuracy),  # a cheater's accuracy is the share of aligned images
        "following": (1.0, follows),
        "excess": (1.0, follows - accuracy),
        "picture_greyed": (1.0, chance),
        "digit_greyed": (chance, accuracy),
    }
    return {name: Reference(cheater, robust) for name, (cheater, robust) in known.items()}


def _of_digits(accuracy: float) -> dict[str, Reference]:
    a = accuracy
    return {
        "accuracy": Reference(0.1, a, 0.61, 0.589, 0.720),
        "aligned": Reference(1, a, 0.95, 0.945, 0.735),
        "conflicting": Reference(0, a, 0.57, 0.549, 0.718),
        "worst_cell": Reference(0),
        "gap": Reference(1, 0, 0.38, 0.396, 0.017),
        "following": Reference(1, (1 - a) / 9, 0.24, 0.226, 0.030),
        "excess": Reference(1, (1 - a) / 9 - a, -0.33, -0.323, -0.688),
        "natural_boost": Reference(None, 0, BAYES_NATS),
        "natural_answers": Reference(1, 0),
        "answers": Reference(1, 0),
        "paired": Reference(1, 0, 0.38),
        "flips": Reference(1, 0, 0.35, 0.387, 0.054),
        "control": Reference(0, 0, 0, 0.154, 0.040),
        "any_flips": Reference(1, 0, 0.74, 0.785, 0.132),
        "boost": Reference(None, 0, BAYES_NATS, 2.635, 0.034),
        "picture_greyed": Reference(1, 0.1, None, 0.599, 0.112),
        "digit_greyed": Reference(0.1, a),
        "refit_gain": Reference(None, 0, None, 0.04, -0.01),
    }

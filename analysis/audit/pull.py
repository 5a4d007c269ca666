"""How far the shortcut pulls a network towards its own class: directional figures alone.

A network that is merely disturbed by another digit changes its answers in any direction. What is
measured here is 0 in expectation for it, and for every network that never looks at the digit,
whatever classes it prefers or confuses.
"""

from dataclasses import dataclass

import numpy as np

from analysis.audit.boost import beta
from analysis.audit.intervals import Estimate, Floats, mean
from trainables.data.dataset import Integers


@dataclass(frozen=True)
class Pull:
    """What the digit does for its own class.

    Attributes:
        boost: beta, what it adds to the logit of its class, in nats.
        answers: the share of predictions that it draws to its class: 0 of a network that never
            looks at it, 1 of one that always says it.
    """

    boost: Estimate | None
    answers: Estimate | None


def pasted_pull(scores: Floats, patches: Integers | None = None) -> Pull:
    """The pull of every digit pasted into each image, of log-probabilities (N, digits, classes).

    ``answers`` is the share of digits that yield their own class less the share of the other
    digits that yield it, mean over the digits; ``patches``, (N, digits), are the digits' images.
    """
    return Pull(beta(scores, patches), beta(one_hot(scores), patches))


def natural_pull(scores: Floats, labels: Integers, digits: Integers) -> Pull:
    """The pull on images as they are, of log-probabilities (N, classes); the others are (N,)."""
    return Pull(association(scores, labels, digits), association(one_hot(scores), labels, digits))


def one_hot(scores: Floats) -> Floats:
    """1 for the likeliest class, else 0; of (..., classes)."""
    return np.asarray(np.eye(scores.shape[-1])[scores.argmax(axis=-1)])


def association(scores: Floats, given: Integers, towards: Integers) -> Estimate | None:
    """How much higher class ``towards`` scores in the images that point to it than in others.

    Only images of one class ``given`` are compared with each other, so that neither classes that
    are taken for each other nor ones that are frequent count. What is added to the score of each
    image's class ``towards`` is found again, unbiased. None where the images of each class
    ``given`` all point to one.

    Args:
        scores: (N, classes).
        given: (N,), classes.
        towards: (N,), classes.
    """
    parts, room = [np.zeros(0)], 0.0
    for kind in np.unique(given):
        chosen, points = scores[given == kind], towards[given == kind]
        shares = np.bincount(points, minlength=scores.shape[1]) / len(points)
        means = chosen.mean(axis=0)
        own = chosen[np.arange(len(points)), points]
        parts.append(own - chosen @ shares - means[points] + means @ shares)
        room += float((1 - shares[points]).sum())
    values = np.concatenate(parts)
    return mean(values * len(values) / room) if room else None

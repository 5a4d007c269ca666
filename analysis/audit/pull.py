"""How strongly the shortcut pulls a network's predictions towards its own class.

A network that another digit merely disturbs changes its predictions in any direction. The figures
here have a direction: they are 0 in expectation for such a network, and for every network that
ignores the digit, whatever classes it prefers or confuses.
"""

from dataclasses import dataclass

import numpy as np

from analysis.audit.boost import beta
from analysis.audit.intervals import Estimate, Floats, mean
from trainables.data.dataset import Integers


@dataclass(frozen=True)
class Pull:
    """The digit's effect on its own class.

    Attributes:
        boost: beta, the amount that the digit adds to the logit of its class, in nats.
        answers: the share of predictions that the digit draws to its class: 0 for a network that
            ignores it, 1 for one that always predicts it.
    """

    boost: Estimate | None
    answers: Estimate | None


def pasted_pull(scores: Floats, patches: Integers | None = None) -> Pull:
    """The pull if every digit is pasted into each image.

    ``scores`` are log-probabilities (N, digits, classes). ``patches``, (N, digits), are the indices
    of the digits' images. ``answers`` is, in the mean over the digits, the share of predictions of
    a digit's class with that digit minus the share with the other digits.
    """
    return Pull(beta(scores, patches), beta(one_hot(scores), patches))


def natural_pull(scores: Floats, labels: Integers, digits: Integers) -> Pull:
    """The pull on unchanged images, with log-probabilities (N, classes), labels and digits (N,)."""
    return Pull(association(scores, labels, digits), association(one_hot(scores), labels, digits))


def one_hot(scores: Floats) -> Floats:
    """1 for the class with the highest of ``scores``, (..., classes), else 0."""
    return np.asarray(np.eye(scores.shape[-1])[scores.argmax(axis=-1)])


def association(scores: Floats, given: Integers, towards: Integers) -> Estimate | None:
    """How much higher a class scores on images that point to it than on others.

    Only images with the same class ``given`` are compared, so that confused or frequent classes
    have no effect. The estimate is unbiased: if an amount is added to the score of each image's
    class ``towards``, the result is that amount. It is None if, for each class ``given``, all
    images point to one class.

    Args:
        scores: (N, classes).
        given: (N,), the class that compared images share.
        towards: (N,), the class that each image points to.
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

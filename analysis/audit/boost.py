"""The digit's boost to its own class, beta, in nats.

B[c, k] is the mean log-probability of class c with a digit k pasted in. Double-centred, nothing is
left of what the classes and the digits do by themselves, nor of the softmax's normaliser. A network
that adds beta to the logit of the digit's class has beta (delta[c, k] - 1/10) there, so that beta
is the mean of the diagonal times 10/9, exactly. A network that follows Bayes' rule on images whose
digit is the label with odds of .64 to .04 adds ln 16 = 2.77.
"""

import numpy as np

from analysis.audit.intervals import Estimate, Floats, mean, widened
from trainables.data.dataset import Integers


def centred(scores: Floats) -> Floats:
    """``scores``, (..., K, K), less the means of rows and of columns, plus the whole mean."""
    rows, columns = scores.mean(-1, keepdims=True), scores.mean(-2, keepdims=True)
    return np.asarray(scores - rows - columns + scores.mean((-2, -1), keepdims=True))


def matrix(scores: Floats) -> Floats:
    """B, (classes, digits), double-centred, of log-probabilities (N, digits, classes)."""
    return centred(scores.mean(axis=0).T)


def beta(scores: Floats, patches: Integers | None = None) -> Estimate | None:
    """The boost of log-probabilities (N, digits, classes), as many classes as digits.

    It is a mean over images, each with a beta of its own. With ``patches``, (N, digits), the
    index of each digit's image, the interval also counts that few such images were pasted into
    many pictures: of the variance by picture and by patch (Cameron, Gelbach and Miller 2011,
    "Robust inference with multiway clustering").
    """
    kinds = scores.shape[-1]
    own = np.diagonal(centred(scores), axis1=-2, axis2=-1) * kinds / (kinds - 1)
    found = mean(own.mean(axis=-1))
    if patches is None or found is None:
        return found
    # A patch changes the other digits' parts of each image's beta too, through the means.
    rest = (own - own.mean(axis=0)) / own.size * kinds / (kinds - 1)
    by_patch = np.bincount(patches.ravel(), rest.ravel())
    return widened(found, max(float((by_patch**2).sum() - (rest**2).sum()), 0.0))

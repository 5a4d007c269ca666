"""The digit's boost to its own class, beta, in nats.

B[c, k] is the mean log-probability of class c with a digit k pasted in. Double centring removes the
effects of the classes alone, of the digits alone, and of the softmax's normaliser. If a network
adds beta to the logit of the digit's class, the centred matrix is beta (delta[c, k] - 1/10). So
beta is exactly the mean of the diagonal times 10/9. A network that follows Bayes' rule on images
whose digit is the label with odds of .64 to .04 adds ln 16 = 2.77.
"""

import numpy as np

from analysis.audit.intervals import Estimate, Floats, mean, widened
from trainables.data.dataset import Integers


def centred(scores: Floats) -> Floats:
    """``scores``, (..., K, K), minus the means of rows and of columns, plus the overall mean."""
    rows, columns = scores.mean(-1, keepdims=True), scores.mean(-2, keepdims=True)
    return np.asarray(scores - rows - columns + scores.mean((-2, -1), keepdims=True))


def matrix(scores: Floats) -> Floats:
    """The double-centred matrix B, (classes, digits), of log-probabilities (N, digits, classes)."""
    return centred(scores.mean(axis=0).T)


def beta(scores: Floats, patches: Integers | None = None) -> Estimate | None:
    """The boost beta of log-probabilities (N, digits, classes), with as many classes as digits.

    It is the mean of one beta for each image. ``patches``, (N, digits), holds the index of each
    digit's image. If it is given, the interval also includes the variance between patches, as a
    few digits are pasted into many pictures (Cameron, Gelbach and Miller 2011, "Robust inference
    with multiway clustering").
    """
    kinds = scores.shape[-1]
    own = np.diagonal(centred(scores), axis1=-2, axis2=-1) * kinds / (kinds - 1)
    estimate = mean(own.mean(axis=-1))
    if patches is None or estimate is None:
        return estimate
    # A patch changes the other digits' parts of each image's beta too, through the means.
    rest = (own - own.mean(axis=0)) / own.size * kinds / (kinds - 1)
    by_patch = np.bincount(patches.ravel(), rest.ravel())
    return widened(estimate, max(float((by_patch**2).sum() - (rest**2).sum()), 0.0))

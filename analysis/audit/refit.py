"""Linear classifiers on a network's features, each image scored by one that did not see it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.data.dataset import Integers

_ITERATIONS = 500


def held_out_predictions(features: NDArray[np.float32], wanted: Integers) -> Integers:
    """What a classifier fitted on the other half says of each image, (N,).

    StandardScaler and LogisticRegression, fitted once on the images of even index and once on those
    of odd index, so that every image is scored once.

    Args:
        features: (N, features).
        wanted: (N,), what is to be predicted; two kinds or more in each half.
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ITERATIONS))
    halves = PredefinedSplit(np.arange(len(wanted)) % 2)
    return np.asarray(cross_val_predict(classifier, features, wanted, cv=halves))

"""Are a network's features at fault, or the last layer that reads them?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from analysis.audit.control import reinitialised
from analysis.audit.cue import DIGIT, Cue
from analysis.audit.intervals import Estimate, difference, share
from analysis.audit.readout import features_of, readout_name
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import Integers

FEWEST = 40  # images of a class: twenty in each half
ITERATIONS = 500  # of a classifier's fit, at most
ABOVE_CHANCE = 0.1  # on a split with more alignment, a fitted layer would learn the shortcut


@dataclass(frozen=True)
class Decodability:
    """How well linear classifiers decode labels and digits from the last features.

    Attributes:
        layer: name of the network's own last layer.
        refitted: accuracy of a last layer that was fitted on the other half of the split.
        gain: ``refitted`` minus the accuracy of the network's own last layer, on the same images.
        digit: share of images whose digit such a classifier predicts.
        control: the same share for the network with new random weights.
    """

    layer: str
    refitted: Estimate | None
    gain: Estimate | None
    digit: Estimate | None
    control: Estimate | None


def decodability(
    model: nn.Module, split: DeviceSplit, normalise: Normaliser, cue: Cue = DIGIT
) -> Decodability | str:
    """Decode labels and digits from the features of ``split``, or return a phrase why it cannot."""
    assert split.digits is not None
    labels, digits = split.labels.cpu().numpy(), split.digits.cpu().numpy()
    if len(labels) < FEWEST * cue.kinds:
        return f"{len(labels)} images are too few, {FEWEST * cue.kinds} are needed"
    if min(len(np.unique(digits[half::2])) for half in (0, 1)) < 2:
        return f"the images show only one {cue.noun}"
    if (labels == digits).mean() > 1 / cue.kinds + ABOVE_CHANCE:
        return (
            f"the split's labels agree with the {cue.noun}, so a layer fitted on it would cheat too"
        )
    name = readout_name(model, normalise(split.images[:2]))
    if name is None:
        return "the logits are not a linear function of one layer's input"
    features, predictions = features_of(model, name, split, normalise)
    untrained, _ = features_of(reinitialised(model), name, split, normalise)
    own = predictions.numpy() == labels
    refitted = held_out_predictions(features.numpy(), labels) == labels
    return Decodability(
        layer=name,
        refitted=share(refitted),
        gain=difference(refitted, own),
        digit=share(held_out_predictions(features.numpy(), digits) == digits),
        control=share(held_out_predictions(untrained.numpy(), digits) == digits),
    )


def held_out_predictions(features: NDArray[np.float32], wanted: Integers) -> Integers:
    """Predictions for each image, (N,), by a classifier that was fitted on the other half.

    The classifier is StandardScaler and LogisticRegression. It is fitted once on the images of even
    index and once on those of odd index, so that every image is predicted once.

    Args:
        features: (N, features).
        wanted: (N,), the targets; each half has at least two kinds.
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    halves = PredefinedSplit(np.arange(len(wanted)) % 2)
    return np.asarray(cross_val_predict(classifier, features, wanted, cv=halves))

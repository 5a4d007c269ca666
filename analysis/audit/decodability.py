"""Whether the fault lies in the features or in the layer that reads them."""

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
ABOVE_CHANCE = 0.1  # more aligned than this a layer fitted on the split would learn the shortcut


@dataclass(frozen=True)
class Decodability:
    """What linear classifiers find in the features before the last layer.

    Attributes:
        layer: the network's own readout, by name.
        refitted: accuracy of one fitted on the other half of the split.
        gain: that less the readout's own accuracy, on the same images.
        digit: share of images whose digit such a classifier tells.
        control: the same of the network with weights drawn anew.
    """

    layer: str
    refitted: Estimate | None
    gain: Estimate | None
    digit: Estimate | None
    control: Estimate | None


def decodability(
    model: nn.Module, split: DeviceSplit, normalise: Normaliser, cue: Cue = DIGIT
) -> Decodability | str:
    """Labels and digits from the features of ``split``, or why they cannot be had, as a phrase."""
    assert split.digits is not None
    labels, digits = split.labels.cpu().numpy(), split.digits.cpu().numpy()
    if len(labels) < FEWEST * cue.kinds:
        return f"{len(labels)} images are too few, {FEWEST * cue.kinds} are wanted"
    if min(len(np.unique(digits[half::2])) for half in (0, 1)) < 2:
        return f"the images show one {cue.noun} alone"
    if (labels == digits).mean() > 1 / cue.kinds + ABOVE_CHANCE:
        return (
            f"the split's own labels agree with the {cue.noun}, a layer fitted on it would cheat "
            "too"
        )
    name = readout_name(model, normalise(split.images[:2]))
    if name is None:
        return "the logits are no linear function of what one layer reads"
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
    """What a classifier fitted on the other half says of each image, (N,).

    StandardScaler and LogisticRegression, fitted once on the images of even index and once on those
    of odd index, so that every image is scored once.

    Args:
        features: (N, features).
        wanted: (N,), what is to be predicted; two kinds or more in each half.
    """
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=ITERATIONS))
    halves = PredefinedSplit(np.arange(len(wanted)) % 2)
    return np.asarray(cross_val_predict(classifier, features, wanted, cv=halves))

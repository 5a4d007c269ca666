"""Whether the fault lies in the features or in the layer that reads them."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from analysis.audit.control import reinitialised
from analysis.audit.cue import DIGIT, Cue
from analysis.audit.intervals import Estimate, difference, share
from analysis.audit.readout import features_of, readout_name
from analysis.audit.refit import held_out_predictions
from trainables.data.batches import DeviceSplit, Normaliser

FEWEST = 40  # images of a class: twenty in each half
ABOVE_CHANCE = 0.1  # more aligned than this a layer fitted on the split would learn the shortcut


@dataclass(frozen=True)
class Decodability:
    """What linear classifiers find in the features before the last layer.

    Attributes:
        layer: the network's own readout, by name.
        own: accuracy of that.
        refitted: accuracy of one fitted on the other half of the split.
        gain: the second less the first, on the same images.
        digit: share of images whose digit such a classifier tells.
        control: the same of the network with weights drawn anew.
    """

    layer: str
    own: Estimate | None
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
            f"the split's own {cue.noun}s agree with the labels, a layer fitted on it would cheat "
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
        own=share(own),
        refitted=share(refitted),
        gain=difference(refitted, own),
        digit=share(held_out_predictions(features.numpy(), digits) == digits),
        control=share(held_out_predictions(untrained.numpy(), digits) == digits),
    )

"""The share of the attribution to an image's pixels that lies in the digit's square.

The attribution is integrated gradients (Sundararajan et al. 2017, "Axiomatic Attribution for Deep
Networks") from an image of the mean colour. The share alone misleads: on composite images, an
untrained network puts about half of it into the square, which is 16% of the image.
"""

from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from analysis.audit.control import reinitialised
from analysis.audit.cue import DIGIT, NO_REGION, Cue, Region, shares_inside
from analysis.audit.intervals import Estimate, mean
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.composite import CANVAS

AREA = DIGIT.area((CANVAS, CANVAS))
_STEPS, _BATCH = 10, 500  # the shares change by less than .01 with more steps


@dataclass(frozen=True)
class Mass:
    """Mean share of the absolute attribution that lies in the digit's square.

    Attributes:
        trained: the network's share.
        control: the share of the network with new random weights.
    """

    trained: Estimate | None
    control: Estimate | None


def digit_mass(
    model: nn.Module, split: DeviceSplit, normalise: Normaliser, cue: Cue = DIGIT
) -> Mass | str:
    """The mass over ``split``, or the reason why it cannot be measured, as a phrase.

    It is the attribution to the predicted class's logit, its absolute values summed over channels.
    """
    if cue.region is None:
        return NO_REGION
    inputs = normalise(split.images)
    if not _differentiable(model, inputs[:1]):
        return "its logits have no gradient"
    baseline = torch.zeros_like(inputs[:1])  # the mean image, as in the attribution figures
    networks = (model, reinitialised(model))
    trained, control = (_mass(each, inputs, baseline, cue.region) for each in networks)
    return Mass(trained, control)


def _differentiable(model: nn.Module, inputs: Tensor) -> bool:
    inputs = inputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        total = model(inputs).sum()
        if not total.requires_grad:
            return False
        (gradient,) = torch.autograd.grad(total, inputs, allow_unused=True)
    return gradient is not None


def _mass(model: nn.Module, inputs: Tensor, baseline: Tensor, region: Region) -> Estimate | None:
    with torch.no_grad():
        predicted = model(inputs).argmax(dim=1)
    attribution = IntegratedGradients(model).attribute(
        inputs, baseline, target=predicted, n_steps=_STEPS, internal_batch_size=_BATCH
    )
    shares = shares_inside(attribution.detach().double().abs().sum(dim=1), region)
    return mean(np.array([each for each in shares if each is not None]))

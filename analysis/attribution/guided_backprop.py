"""Guided backpropagation (Springenberg et al. 2015), by captum."""

from captum.attr import GuidedBackprop
from torch import Tensor, nn

from analysis.attribution.relus import attributed


def guided_backprop(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the target's logit, (N, C, H, W); every ReLU passes only positive values.

    Raises:
        UsageError: a ReLU is functional or works in place.
    """
    return attributed(GuidedBackprop(model), model, inputs, targets)

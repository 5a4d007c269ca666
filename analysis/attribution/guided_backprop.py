"""Guided backpropagation (Springenberg et al. 2015), by captum."""

import warnings

from captum.attr import GuidedBackprop
from torch import Tensor, nn

from analysis.attribution.relus import check_relus


def guided_backprop(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the target's logit, (N, 3, H, W), where every ReLU passes positives alone.

    Raises:
        UsageError: a ReLU is functional or works in place.
    """
    check_relus(model, inputs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks")
        maps: Tensor = GuidedBackprop(model).attribute(inputs.clone().requires_grad_(), targets)
    return maps.detach()

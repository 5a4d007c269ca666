"""Integrated gradients (Sundararajan et al. 2017), by captum, from the mean image."""

import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

STEPS = 32
BATCH = 64  # interpolated images at a time, which bounds the memory


def integrated_gradients(
    model: nn.Module, inputs: Tensor, targets: Tensor, steps: int = STEPS
) -> Tensor:
    """What each input value adds to the target's logit, (N, C, H, W).

    The path leads from the mean image, zeros after normalisation, in ``steps`` Gauss-Legendre
    points. Were the integral exact, the sum over an image would be the difference of the logits.
    """
    maps: Tensor = IntegratedGradients(model).attribute(
        inputs.clone(), 0, targets, n_steps=steps, internal_batch_size=max(BATCH, len(inputs))
    )
    return maps.detach().float()


def completeness_error(model: nn.Module, inputs: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Sum of each map less the difference of the logits that it should be, (N,)."""
    with torch.no_grad():
        ends = model(inputs) - model(torch.zeros_like(inputs))
    differences: Tensor = ends.gather(1, targets[:, None])[:, 0]
    return maps.sum(dim=(1, 2, 3)) - differences

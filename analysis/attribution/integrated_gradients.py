"""Integrated gradients (Sundararajan et al. 2017), by captum, from the mean image."""

import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

STEPS = 32
BATCH = 64  # interpolated images at a time, which bounds the memory


def integrated_gradients(
    model: nn.Module, inputs: Tensor, targets: Tensor, steps: int = STEPS
) -> Tensor:
    """The contribution of each input value to the target's logit, (N, C, H, W).

    The path starts at the mean image, zero after normalisation, and has ``steps`` Gauss-Legendre
    points. If the integral were exact, an image's sum would be the difference of the logits.
    """
    maps: Tensor = IntegratedGradients(model).attribute(
        inputs.clone(), 0, targets, n_steps=steps, internal_batch_size=max(BATCH, len(inputs))
    )
    return maps.detach().float()


def completeness_error(model: nn.Module, inputs: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Sum of each map minus the difference of the logits, which it should equal, (N,)."""
    with torch.no_grad():
        ends = model(inputs) - model(torch.zeros_like(inputs))
    differences: Tensor = ends.gather(1, targets[:, None])[:, 0]
    return maps.sum(dim=(1, 2, 3)) - differences

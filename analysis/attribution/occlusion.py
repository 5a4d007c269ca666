"""Occlusion (Zeiler and Fergus 2014, section 4.2), by captum: the logit's fall under a patch."""

import torch
from captum.attr import Occlusion
from torch import Tensor, nn

WINDOW, STRIDE = 8, 4  # pixels
WINDOWS_AT_ONCE = 16


def occlusion(
    model: nn.Module, inputs: Tensor, targets: Tensor, window: int = WINDOW, stride: int = STRIDE
) -> Tensor:
    """How much the target's logit falls if a patch of the mean colour covers a place, (N, 1, H, W).

    The value of a pixel is the mean over the patches that cover it. ``window`` is the patch's side
    and ``stride`` its step, in pixels; both are cut to the image's shorter side.
    """
    channels, side = inputs.shape[1], min(window, *inputs.shape[2:])
    step = min(stride, side)
    with torch.no_grad():
        maps: Tensor = Occlusion(model).attribute(
            inputs,
            sliding_window_shapes=(channels, side, side),
            strides=(channels, step, step),
            baselines=0,
            target=targets,
            perturbations_per_eval=WINDOWS_AT_ONCE,
        )
    return maps[:, :1].float()  # all channels are covered at once and have the same value

"""Class activation maps (Zhou et al. 2016), and Grad-CAM (Selvaraju et al. 2017) for dense heads.

Behind a global average pool, logit k is the mean over the picture of sum_c W[k, c] A[c], plus a
bias: that sum is the class activation map, and exact. Without a linear layer behind the pool the
last maps are the class activation maps. A dense head allows Grad-CAM alone, where the mean gradient
of the logit stands for the weight. It is kept signed here, before the ReLU of its paper, so that
both are read alike.
"""

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import Tensor, nn

from analysis.attribution.head import feature_maps, head_of


def class_maps(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Maps of ``targets``, (N, 1, h, w) as small as the features: exact ones, or Grad-CAM.

    Args:
        model: in eval mode.
        inputs: (N, C, H, W).
        targets: (N,), a class of each.
    """
    head = head_of(model, inputs)
    if not head.averages:
        return grad_cam(model, inputs, targets, head.entry)
    features = feature_maps(model, inputs, head.entry)
    if head.linear is None:
        return features[torch.arange(len(targets)), targets][:, None]
    weights = head.linear.weight[targets].detach()
    return torch.einsum("nc,nchw->nhw", weights, features)[:, None]


def grad_cam(model: nn.Module, inputs: Tensor, targets: Tensor, entry: nn.Module) -> Tensor:
    """Signed Grad-CAM of the maps that enter ``entry``, (N, 1, h, w)."""
    method = LayerGradCam(model, entry)
    maps: Tensor = method.attribute(inputs.clone(), targets, attribute_to_layer_input=True)
    return maps.detach()


def cam(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """``class_maps`` stretched bilinearly to the size of the inputs, (N, 1, H, W)."""
    maps = class_maps(model, inputs, targets)
    return F.interpolate(maps, size=inputs.shape[2:], mode="bilinear", align_corners=False)

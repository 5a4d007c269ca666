"""Class activation maps (Zhou et al. 2016), and Grad-CAM (Selvaraju et al. 2017) for dense heads.

After a global average pool and a linear layer, logit k is the mean over the picture of
sum_c W[k, c] A[c], plus a bias. That sum is the exact class activation map. If no linear layer
follows the pool, the last maps are the class activation maps. A dense head allows only Grad-CAM,
which replaces the weight by the mean gradient of the logit. Here Grad-CAM keeps its sign (its paper
applies a ReLU), so that both kinds of maps are read alike.
"""

import torch
import torch.nn.functional as F
from captum.attr import LayerGradCam
from torch import Tensor, nn

from analysis.attribution.head import feature_maps, head_of


def class_maps(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Exact class activation maps, or Grad-CAM, (N, 1, h, w), at the size of the feature maps.

    Args:
        model: the network, in eval mode.
        inputs: (N, C, H, W).
        targets: (N,), a class for each input.
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
    """Signed Grad-CAM of the feature maps that enter ``entry``, (N, 1, h, w)."""
    method = LayerGradCam(model, entry)
    maps: Tensor = method.attribute(inputs.clone(), targets, attribute_to_layer_input=True)
    return maps.detach()


def cam(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """``class_maps`` stretched bilinearly to the size of the inputs, (N, 1, H, W)."""
    maps = class_maps(model, inputs, targets)
    return F.interpolate(maps, size=inputs.shape[2:], mode="bilinear", align_corners=False)

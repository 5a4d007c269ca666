"""Which change of an image excites a filter more? (Source 002_633d8ed116c9d8b3.txt, "Visualization
with gradient based strategy")

The source starts at the image that excites the filter most, and raises the activation while it
keeps the distance to that image small. It does not give the weight of the distance, the number of
steps or their size: they are parameters here.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.layers import Layer, captured
from trainables.data.batches import Normaliser

WEIGHT, STEPS, STEP_SIZE = 5.0, 48, 0.01


@dataclass(frozen=True)
class Maximised:
    """Images, each of which was changed to excite one filter more.

    Attributes:
        start: (N, H, W, C), pixels in [0, 1].
        result: (N, H, W, C), the images after the last step.
        activations: (steps + 1, N), the mean of the filter's activation map at every step.
        distances: (steps + 1, N), root mean square difference of the pixels from the start.
    """

    start: Tensor
    result: Tensor
    activations: Tensor
    distances: Tensor


def maximise(
    model: nn.Module,
    layer: Layer,
    normalise: Normaliser,
    start: Tensor,
    filters: Tensor,
    *,
    weight: float = WEIGHT,
    steps: int = STEPS,
    step_size: float = STEP_SIZE,
) -> Maximised:
    """Raise A(x) / S - weight * mean((x - start)^2) for every image x and its filter.

    A is the mean of the filter's activation map. S is how fast A rises at the start, per unit of
    root mean square distance along the gradient. It lets one weight fit every layer: if the
    network were linear, the images would end at the distance 1 / (2 * weight). The method is
    proximal gradient ascent, which is stable at any weight: a step along A's gradient, then the
    exact maximiser of the distance term, then a clamp to [0, 1].

    Args:
        model: the network, in eval mode; it contains ``layer``.
        layer: the layer whose filters are excited.
        normalise: turns pixel values in [0, 255] into the model's input.
        start: (N, H, W, C), pixels in [0, 1]; an image where A has no gradient does not change.
        filters: (N,), the filter of each image.
        weight: weight of the mean squared distance, 0 or more.
        steps: number of steps.
        step_size: root mean square change of a pixel value that the first step makes.
    """
    slope = _activations(model, layer, normalise, start, filters)[1].square().mean((1, 2, 3)).sqrt()
    slope = slope.clamp(min=1e-30)[:, None, None, None]
    pull, images, history = 2 * step_size * weight, start.clone(), []
    for _ in range(steps):
        activations, gradient = _activations(model, layer, normalise, images, filters)
        history.append((activations.detach(), _distance(images, start)))
        uphill = images + step_size * gradient / slope
        images = ((uphill + pull * start) / (1 + pull)).clamp(0, 1)
    last = _activations(model, layer, normalise, images, filters)[0].detach()
    history.append((last, _distance(images, start)))
    activations, distances = (torch.stack(values) for values in zip(*history, strict=True))
    return Maximised(start, images, activations, distances)


def _activations(
    model: nn.Module, layer: Layer, normalise: Normaliser, images: Tensor, filters: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean activation of each image's filter, (N,), and its gradient, (N, H, W, C)."""
    images = images.detach().requires_grad_()
    with torch.enable_grad(), captured(layer.normalised) as outputs:
        model(normalise(255 * images))
        maps = layer.activated(outputs[layer.normalised])
        means = maps[torch.arange(len(filters)), filters].mean(dim=(1, 2))
        (gradient,) = torch.autograd.grad(means.sum(), images)
    return means, gradient


def _distance(images: Tensor, start: Tensor) -> Tensor:
    return (images - start).square().mean(dim=(1, 2, 3)).sqrt()

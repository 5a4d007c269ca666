"""Find the layer that turns a network's last features into logits, and read those features.

It is a linear layer, or a 1x1 convolution whose maps are averaged: then the logits are linear in
the averaged maps that it reads. The result is checked against the network's own logits.
"""

from typing import Any

import torch
from torch import Tensor, nn

from analysis.layers import calls_of
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate

_TOLERANCE = 1e-3  # relative to the largest logit: float32 sums depend on their order


def readout_name(model: nn.Module, inputs: Tensor) -> str | None:
    """Name of the module whose output, a linear function of its input, is the logits, or None.

    Args:
        model: the network, in eval mode.
        inputs: (N, C, H, W), normalised; a few are enough.
    """
    calls = [call for call in calls_of(model, inputs) if _is_linear(call.module)]
    if not calls:
        return None
    with torch.no_grad():
        logits = model(inputs)
    last = calls[-1]
    return last.name if _explains(last.module, _averaged(last.argument), logits) else None


def features_of(
    model: nn.Module, name: str, split: DeviceSplit, normalise: Normaliser
) -> tuple[Tensor, Tensor]:
    """The input of module ``name`` for every image of ``split``, and the predictions.

    The features are (N, features), float32, and the predictions (N,); both are on the CPU.
    """
    read: list[Tensor] = []
    hook = model.get_submodule(name).register_forward_pre_hook(
        lambda _, arguments: read.append(_averaged(arguments[0]))
    )
    try:
        predictions = evaluate(model, split, normalise).predictions.cpu()
    finally:
        hook.remove()
    return torch.cat(read), predictions


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (
        isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    )


def _averaged(features: Tensor) -> Tensor:
    """Features (N, C), or the means of maps (N, C, H, W), on the CPU."""
    return (features.mean((2, 3)) if features.ndim == 4 else features).detach().float().cpu()


def _explains(module: Any, read: Tensor, logits: Tensor) -> bool:
    weight = module.weight.detach().flatten(1).cpu()
    if read.shape != (len(logits), weight.shape[1]) or logits.shape[1:] != weight.shape[:1]:
        return False
    again = read @ weight.T + (0 if module.bias is None else module.bias.detach().cpu())
    return bool((again - logits.cpu()).abs().max() <= _TOLERANCE * (1 + logits.abs().max().cpu()))

"""The layer that turns a network's last features into logits, and those features.

It is a linear layer, or a 1x1 convolution whose maps are averaged: then the logits are as linear
in the averaged maps that it reads. What is found is checked against the network's own logits.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import evaluate

_TOLERANCE = 1e-3  # of the largest logit: float32 in another order of summation


@dataclass(frozen=True)
class Features:
    """What a network's last layer reads, and what it makes of it.

    Attributes:
        values: (N, features), float32.
        predictions: (N,), the network's own.
    """

    values: Tensor
    predictions: Tensor


def readout_name(model: nn.Module, inputs: Tensor) -> str | None:
    """Name of the module whose linear function the logits are; None where there is none such.

    Args:
        model: in eval mode.
        inputs: (N, 3, H, W), normalised; a few are enough.
    """
    called: list[str] = []
    with ExitStack() as hooks, torch.no_grad():
        for name, module in model.named_modules():
            if _is_linear(module):
                handle = module.register_forward_hook(_noting(called, name))
                hooks.callback(handle.remove)
        logits = model(inputs)
    if not called:
        return None
    with torch.no_grad(), _reading(model.get_submodule(called[-1])) as read:
        model(inputs)
    return called[-1] if _explains(model.get_submodule(called[-1]), read[-1], logits) else None


def features_of(model: nn.Module, name: str, split: DeviceSplit, normalise: Normaliser) -> Features:
    """What module ``name`` of ``model`` reads of every image of ``split``, on the CPU."""
    with _reading(model.get_submodule(name)) as read:
        evaluation = evaluate(model, split, normalise)
    return Features(torch.cat(read), evaluation.predictions)


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (
        isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    )


@contextmanager
def _reading(module: nn.Module) -> Iterator[list[Tensor]]:
    """Every batch that enters ``module`` while the context lasts, maps averaged."""
    read: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        features = inputs[0].detach()
        read.append((features.mean((2, 3)) if features.ndim == 4 else features).float().cpu())

    handle = module.register_forward_pre_hook(keep)
    try:
        yield read
    finally:
        handle.remove()


def _explains(module: Any, read: Tensor, logits: Tensor) -> bool:
    weight = module.weight.detach().flatten(1).cpu()
    if read.shape != (len(logits), weight.shape[1]) or logits.shape[1:] != weight.shape[:1]:
        return False
    again = read @ weight.T + (0 if module.bias is None else module.bias.detach().cpu())
    return bool((again - logits.cpu()).abs().max() <= _TOLERANCE * (1 + logits.abs().max().cpu()))


def _noting(called: list[str], name: str) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        called.append(name)

    return hook

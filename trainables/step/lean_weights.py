"""The bfloat16 copies of a network's weights that a training computes with.

Autocast casts every weight down in every step, and every gradient up. Here the copies stay, and
one copy a step follows the optimizer: the same numbers, with fewer passes over the weights.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Autocast computes these in bfloat16 whatever surrounds them. All other weights stay in float32,
# and autocast does with them what it always does.
_CAST = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


@dataclass(frozen=True)
class _Pair:
    """A weight of ``module`` in float32, which is trained, and its copy, which computes."""

    module: nn.Module
    name: str
    master: nn.Parameter
    low: nn.Parameter

    def use(self, weight: nn.Parameter) -> None:
        self.module._parameters[self.name] = weight


class LeanWeights:
    """A network's convolution and dense weights in bfloat16, beside the float32 ones.

    The last dense layer stays in float32: validation computes its logits in it.

    Args:
        model: the network, which computes with the copies from now on.
        dtype: of the training; the copies are made for bfloat16 alone.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self._model, self.masters = model, list(model.parameters())
        self._pairs = _pairs(model) if dtype == torch.bfloat16 else []
        self._full = [pair.master for pair in self._pairs]
        self._low = [pair.low for pair in self._pairs]
        self._gradients = [torch.empty_like(full) for full in self._full]
        for pair in self._pairs:
            pair.use(pair.low)

    @property
    def tensors(self) -> list[Tensor]:
        """Every weight in float32, and every copy."""
        return [*self.masters, *self._low]

    def forget_gradients(self) -> None:
        """Drop the gradients of the step before."""
        for weight in self._model.parameters():
            weight.grad = None

    def widen_gradients(self) -> None:
        """Give the float32 weights the gradients of a backward pass; None where there is none."""
        pairs = list(zip(self._pairs, self._gradients, strict=True))
        used = [(pair.low.grad, wide) for pair, wide in pairs if pair.low.grad is not None]
        _copy([low for low, _ in used], [wide for _, wide in used])
        for pair, wide in pairs:
            pair.master.grad = None if pair.low.grad is None else wide

    def follow(self) -> None:
        """Copy the float32 weights, which have changed, into the copies."""
        _copy(self._full, self._low)

    @contextmanager
    def in_float32(self) -> Iterator[nn.Module]:
        """The network with its float32 weights."""
        for pair in self._pairs:
            pair.use(pair.master)
        try:
            yield self._model
        finally:
            for pair in self._pairs:
                pair.use(pair.low)


def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    if source:
        with torch.no_grad():
            torch._foreach_copy_(list(target), list(source))


def _pairs(model: nn.Module) -> list[_Pair]:
    """The weights that are copied: those that one layer of ``_CAST`` alone has, but the last."""
    layers = [module for module in model.modules() if type(module) in _CAST]
    last = next((layer for layer in reversed(layers) if isinstance(layer, nn.Linear)), None)
    owners = Counter(id(w) for m in model.modules() for w in m._parameters.values())
    return [
        _Pair(layer, name, weight, nn.Parameter(weight.detach().to(torch.bfloat16)))
        for layer in layers
        if layer is not last and not layer._forward_pre_hooks
        for name, weight in layer._parameters.items()
        if weight is not None and owners[id(weight)] == 1
    ]

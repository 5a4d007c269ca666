"""The bfloat16 copies of a network's weights that a captured step computes with.

Autocast casts every weight down and every gradient up in every step. Here the copies persist and
are updated once after the optimizer's step: the same numbers, with fewer passes over the weights.
The network itself has its float32 weights, and uses them as under autocast alone.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# Autocast always computes these in bfloat16.
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_CAST = (F.conv1d, F.conv2d, F.conv3d, F.linear)
# Changes of a weight through these cannot be detected.
_DATA = (Tensor.data.__get__, Tensor.data.__set__)  # type: ignore[attr-defined]


@dataclass
class _Pair:
    """A float32 weight, which is trained, and its copy, which computes.

    Attributes:
        full: the weight.
        low: the copy.
        version: torch's version counter of the weight at the last copy.
    """

    full: nn.Parameter
    low: nn.Parameter
    version: int

    @property
    def serves(self) -> bool:
        """Whether the copy can replace the weight: it is trained, and its gradient has no hooks."""
        hooks = self.full._backward_hooks or self.full._post_accumulate_grad_hooks
        return self.full.requires_grad and not hooks

    def current(self) -> Tensor:
        """The copy, updated if the network itself changed its weight."""
        if self.full._version != self.version:
            _copy([self.full], [self.low])
            self.version = self.full._version
        return self.low


class LeanWeights:
    """bfloat16 copies of a network's convolution and dense weights.

    Args:
        model: the network.
        dtype: number format of the training; only bfloat16 needs copies.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        self.masters = list(model.parameters())
        self._pairs = _pairs(model) if dtype == torch.bfloat16 else []
        self._full = [pair.full for pair in self._pairs]
        self._low = [pair.low for pair in self._pairs]
        self._gradients = [torch.empty_like(full) for full in self._full]
        self._by_weight = {id(pair.full): pair for pair in self._pairs}

    @property
    def tensors(self) -> list[Tensor]:
        """Every weight in float32, and every copy."""
        return [*self.masters, *self._low]

    def in_use(self) -> AbstractContextManager[Any]:
        """A context in which layers under autocast compute with the copies."""
        return _Replacing(self._by_weight) if self._pairs else nullcontext()

    def forget_gradients(self) -> None:
        """Drop the gradients of the step before."""
        for weight in self.tensors:
            weight.grad = None

    def widen_gradients(self) -> None:
        """Give the float32 weights the gradients of a backward pass, where there are any."""
        pairs = list(zip(self._pairs, self._gradients, strict=True))
        used = [(pair, wide, pair.low.grad) for pair, wide in pairs if pair.low.grad is not None]
        _copy([low for *_, low in used], [wide for _, wide, _ in used])
        for pair, wide, _ in used:
            if pair.full.grad is not None:  # it was also used in float32
                wide += pair.full.grad
            pair.full.grad = wide

    def follow(self) -> None:
        """Update the copies from the changed float32 weights."""
        _copy(self._full, self._low)
        for pair in self._pairs:
            pair.version = pair.full._version


class _Replacing(TorchFunctionMode):
    """A context in which the operations of ``_CAST`` use the copies, in this thread alone.

    Args:
        pairs: pairs by the id of the weight; a weight whose ``data`` are accessed is removed.
    """

    def __init__(self, pairs: dict[int, _Pair]) -> None:
        super().__init__()
        self._pairs = pairs

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in _CAST:
            args = [self._chosen(each) for each in args]
        elif function in _DATA:
            self._pairs.pop(id(args[0]), None)
        return function(*args, **(kwargs or {}))

    def _chosen(self, argument: Any) -> Any:
        """The copy of a weight if autocast would cast it, else the argument."""
        pair = self._pairs.get(id(argument))
        if pair is None or not pair.serves:
            return argument
        kind = argument.device.type
        casts = torch.is_autocast_enabled(kind)
        casts &= torch.get_autocast_dtype(kind) == pair.low.dtype
        return pair.current() if casts else argument


def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    if source:
        with torch.no_grad():
            torch._foreach_copy_(list(target), list(source))


def _pairs(model: nn.Module) -> list[_Pair]:
    """The weights to copy, each once."""
    weights = {
        id(weight): weight
        for layer in model.modules()
        if isinstance(layer, _LAYERS)
        for weight in layer._parameters.values()
        if weight is not None and weight.dtype == torch.float32
    }
    return [
        _Pair(weight, nn.Parameter(weight.detach().to(torch.bfloat16)), weight._version)
        for weight in weights.values()
    ]

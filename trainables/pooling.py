"""Max pooling that is trained faster on a CPU."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

# Number of elements below which torch's own kernel is as fast.
_SMALLEST = 2**20


class MaxPool2d(nn.MaxPool2d):
    """``nn.MaxPool2d``, trained faster on a CPU in bfloat16 if pools are 2x2 and batches large.

    Torch stores the place of every maximum in 64 bits and scatters the gradient to it. Here the
    maximum is taken over pairs, and a mask of the greater of each pair multiplies the gradient.
    Values and gradients equal torch's, also for ties. In all other cases torch's own pool runs.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """The maximum of each window of ``inputs``, (N, C, H, W)."""
        pooled: Tensor
        if self._halves_sides() and _in_pairs(inputs):
            pooled = PairMaximum.apply(inputs)
            # Among NaNs torch returns the last, which no comparison can find.
            if math.isfinite(pooled.detach().sum().item()):
                return pooled
        pooled = super().forward(inputs)
        return pooled

    def _halves_sides(self) -> bool:
        """Whether this is 2x2 pooling in training."""
        zero, one, two = ((n, (n, n)) for n in range(3))
        return (
            self.training
            and not self.return_indices
            and self.kernel_size in two
            and self.stride in two
            and self.padding in zero
            and self.dilation in one
        )


def _in_pairs(inputs: Tensor) -> bool:
    """Whether all of ``inputs`` can be paired, and whether that is faster."""
    return (
        inputs.requires_grad
        and torch.is_grad_enabled()
        and inputs.device.type == "cpu"
        and inputs.dtype == torch.bfloat16
        and inputs.ndim == 4
        and not (inputs.shape[2] % 2 or inputs.shape[3] % 2)
        and inputs.numel() >= _SMALLEST
        and inputs.is_contiguous(memory_format=torch.channels_last)
        and not is_in_torch_dispatch_mode()  # a tracer cannot read values
    )


class PairMaximum(torch.autograd.Function):
    """2x2 pooling of channels-last bfloat16 without NaNs: neighbours in a row, then in a column."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / 2, W / 2)."""
        count, channels, height, width = inputs.shape
        left, right = _pairs(inputs.permute(0, 2, 3, 1), channels)
        in_left = _is_first(left, right)
        upper, lower = _pairs(torch.maximum(left, right), width // 2 * channels)
        ctx.save_for_backward(in_left, _is_first(upper, lower))
        ctx.shape = count, height, width, channels
        pooled = torch.maximum(upper, lower).view(count, height // 2, width // 2, channels)
        return pooled.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The gradient of the inputs: each maximum's gradient at its place, zeros elsewhere."""
        in_left, in_upper = ctx.saved_tensors
        last = gradient.permute(0, 2, 3, 1).contiguous()
        # As integers, so that a product with 0 or 1 is exact for infinities and NaNs too.
        rows = _spread(last.view(torch.int16), in_upper)
        pixels = _spread(rows, in_left)
        return pixels.view(gradient.dtype).view(ctx.shape).permute(0, 3, 1, 2)


def _pairs(values: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The first and the second of neighbouring runs of ``length``, (pairs, length) each."""
    paired = values.view(-1, 2, length)
    return paired[:, 0], paired[:, 1]


def _is_first(first: Tensor, second: Tensor) -> Tensor:
    """1 if the maximum is in ``first`` (also for equal values), else 0; int16."""
    # Written in the inputs' format, which is some eight times as fast as writing booleans.
    mask = torch.ge(first, second, out=torch.empty_like(first)).view(torch.int16)
    return torch.ne(mask, 0, out=mask)


def _spread(values: Tensor, is_first: Tensor) -> Tensor:
    """Pairs (pairs, 2, length) of a value and 0; the value is first if ``is_first`` is 1."""
    values = values.view(is_first.shape)
    pairs = values.new_empty(len(values), 2, values.shape[1])
    first = torch.mul(values, is_first, out=pairs[:, 0])
    torch.sub(values, first, out=pairs[:, 1])
    return pairs

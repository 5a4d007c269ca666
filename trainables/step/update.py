"""The arithmetic of an optimizer's step, with its numbers on the device.

The optimizer holds the state, as torch's checkpoints have it. Its own ``step`` reads the rate on
the host, which a captured step cannot do; these call the same kernels with the rate as a tensor.
Where the momentum changes from step to step too, no kernel of torch's takes it as a tensor, and the
step is made of the operations of torch's own reading (``torch/optim/adam.py``,
``torch/optim/sgd.py``).
"""

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

Number = float | Tensor  # a tensor of no dimensions


def begin(optimizer: Optimizer) -> None:
    """Give ``optimizer`` the state that torch would make at its first step."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if not isinstance(optimizer, SGD):
                zeros = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
                optimizer.state[weight] = {"step": torch.zeros((), device=weight.device), **zeros}
            else:
                buffer = torch.zeros_like(weight) if group["momentum"] else None
                optimizer.state[weight] = {"momentum_buffer": buffer}


@torch.no_grad()
def update(optimizer: Optimizer, rate: Tensor, momentum: Number) -> None:
    """Take a step against the gradients of the optimizer's weights; those without one stay.

    Args:
        optimizer: Adam, AdamW or SGD, whose state ``begin`` made.
        rate: the learning rate, of no dimensions, on the weights' device.
        momentum: of this step; Adam's first beta. A tensor where it changes and the step is
            captured.
    """
    group = optimizer.param_groups[0]
    weights = [weight for weight in group["params"] if weight.grad is not None]
    gradients = [weight.grad for weight in weights]
    states = [optimizer.state[weight] for weight in weights]
    fused = isinstance(momentum, float)
    if isinstance(optimizer, SGD):
        step = _fused_sgd if fused else _sgd
    else:
        step = _fused_adam if fused else _adam
    step(group, weights, gradients, states, rate, momentum)


def _fused_adam(
    group: dict[str, Any],
    weights: list[Tensor],
    gradients: list[Tensor],
    states: list[dict[str, Tensor]],
    rate: Tensor,
    momentum: Any,
) -> None:
    averages, squares, steps = (
        [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
    )
    torch._foreach_add_(steps, 1)
    decoupled = group["decoupled_weight_decay"]
    kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
    kernel(
        weights,
        gradients,
        averages,
        squares,
        [],
        steps,
        lr=rate,
        beta1=momentum,
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


def _fused_sgd(
    group: dict[str, Any],
    weights: list[Tensor],
    gradients: list[Tensor],
    states: list[dict[str, Tensor]],
    rate: Tensor,
    momentum: Any,
) -> None:
    torch._fused_sgd_(
        weights,
        gradients,
        [state["momentum_buffer"] for state in states] if momentum else [],
        weight_decay=group["weight_decay"],
        momentum=momentum,
        lr=rate,
        dampening=0.0,
        nesterov=group["nesterov"],
        maximize=False,
        is_first_step=False,  # the first step's is the same, as its buffers are zeros
    )


def _adam(
    group: dict[str, Any],
    weights: list[Tensor],
    gradients: list[Tensor],
    states: list[dict[str, Tensor]],
    rate: Tensor,
    momentum: Any,
) -> None:
    decay, beta2 = group["weight_decay"], group["betas"][1]
    averages, squares, steps = (
        [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
    )
    torch._foreach_add_(steps, 1)
    if decay and group["decoupled_weight_decay"]:
        torch._foreach_mul_(weights, 1 - rate * decay)
    elif decay:
        gradients = list(torch._foreach_add(gradients, weights, alpha=decay))
    torch._foreach_mul_(averages, momentum)
    torch._foreach_add_(averages, torch._foreach_mul(gradients, 1 - momentum))
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
    roots = torch._foreach_sqrt(squares)
    torch._foreach_div_(roots, (1 - beta2 ** steps[0]).sqrt())
    torch._foreach_add_(roots, group["eps"])
    moves = torch._foreach_div(averages, roots)
    torch._foreach_mul_(moves, rate / (1 - momentum ** steps[0]))
    torch._foreach_sub_(weights, moves)


def _sgd(
    group: dict[str, Any],
    weights: list[Tensor],
    gradients: list[Tensor],
    states: list[dict[str, Tensor]],
    rate: Tensor,
    momentum: Any,
) -> None:
    buffers = [state["momentum_buffer"] for state in states]
    if group["weight_decay"]:
        gradients = list(torch._foreach_add(gradients, weights, alpha=group["weight_decay"]))
    torch._foreach_mul_(buffers, momentum)
    torch._foreach_add_(buffers, gradients)
    moves = list(buffers)
    if group["nesterov"]:
        moves = list(torch._foreach_mul(buffers, momentum))
        torch._foreach_add_(moves, gradients)
    torch._foreach_sub_(weights, torch._foreach_mul(moves, rate))

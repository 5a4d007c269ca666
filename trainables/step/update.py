"""The arithmetic of an optimizer's step, with its numbers on the device.

The optimizer holds the state, as in torch's checkpoints. Its own ``step`` reads the rate on the
host, which a captured step cannot do. The functions here call the same kernels with the rate as a
tensor. If the momentum also changes between steps, no torch kernel takes it as a tensor, and the
step uses the operations of torch's own reference code (``torch/optim/adam.py``,
``torch/optim/sgd.py``).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

Number = float | Tensor  # a tensor without dimensions


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
    """Take a step against the gradients of the optimizer's weights; others do not change.

    Args:
        optimizer: Adam, AdamW or SGD, with the state from ``begin``.
        rate: the learning rate, without dimensions, on the weights' device.
        momentum: this step's momentum, or Adam's first beta. It is a tensor if it changes and the
            step is captured.
    """
    group = optimizer.param_groups[0]
    weights = [weight for weight in group["params"] if weight.grad is not None]
    states = [optimizer.state[weight] for weight in weights]
    move = _Move(group, weights, [weight.grad for weight in weights], states, rate, momentum)
    fused = isinstance(momentum, float)
    if isinstance(optimizer, SGD):
        (move.fused_sgd if fused else move.sgd)()
    else:
        (move.fused_adam if fused else move.adam)()


@dataclass(frozen=True)
class _Move:
    """One step of some weights: the optimizer's options and states, and the step's numbers."""

    group: dict[str, Any]
    weights: list[Tensor]
    gradients: list[Tensor]
    states: list[dict[str, Tensor]]
    rate: Tensor
    momentum: Any

    def fused_adam(self) -> None:
        """Step by torch's fused kernel."""
        group, steps = self.group, self._states("step")
        torch._foreach_add_(steps, 1)
        decoupled = group["decoupled_weight_decay"]
        kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_
        kernel(
            self.weights,
            self.gradients,
            self._states("exp_avg"),
            self._states("exp_avg_sq"),
            [],
            steps,
            lr=self.rate,
            beta1=self.momentum,
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )

    def fused_sgd(self) -> None:
        """Step by torch's fused kernel."""
        torch._fused_sgd_(
            self.weights,
            self.gradients,
            self._states("momentum_buffer") if self.momentum else [],
            weight_decay=self.group["weight_decay"],
            momentum=self.momentum,
            lr=self.rate,
            dampening=0.0,
            nesterov=self.group["nesterov"],
            maximize=False,
            is_first_step=False,  # the first step gives the same, as its buffers are zeros
        )

    def adam(self) -> None:
        """Step by operations that take the momentum as a tensor."""
        decay, beta2 = self.group["weight_decay"], self.group["betas"][1]
        averages, squares, steps = map(self._states, ("exp_avg", "exp_avg_sq", "step"))
        torch._foreach_add_(steps, 1)
        gradients = self.gradients
        if decay and self.group["decoupled_weight_decay"]:
            torch._foreach_mul_(self.weights, 1 - self.rate * decay)
        else:
            gradients = self._with_decay()
        torch._foreach_mul_(averages, self.momentum)
        torch._foreach_add_(averages, torch._foreach_mul(gradients, 1 - self.momentum))
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_div_(roots, (1 - beta2 ** steps[0]).sqrt())
        torch._foreach_add_(roots, self.group["eps"])
        moves = torch._foreach_div(averages, roots)
        torch._foreach_mul_(moves, self.rate / (1 - self.momentum ** steps[0]))
        torch._foreach_sub_(self.weights, moves)

    def sgd(self) -> None:
        """Step by operations that take the momentum as a tensor."""
        buffers, gradients = self._states("momentum_buffer"), self._with_decay()
        torch._foreach_mul_(buffers, self.momentum)
        torch._foreach_add_(buffers, gradients)
        moves = list(buffers)
        if self.group["nesterov"]:
            moves = list(torch._foreach_mul(buffers, self.momentum))
            torch._foreach_add_(moves, gradients)
        torch._foreach_sub_(self.weights, torch._foreach_mul(moves, self.rate))

    def _states(self, name: str) -> list[Tensor]:
        return [state[name] for state in self.states]

    def _with_decay(self) -> list[Tensor]:
        """The gradients plus the weight decay."""
        if not self.group["weight_decay"]:
            return self.gradients
        decay = self.group["weight_decay"]
        return list(torch._foreach_add(self.gradients, self.weights, alpha=decay))

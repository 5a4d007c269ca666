"""The learning rate and the momentum of every step of an epoch, from torch's schedule."""

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainables.step.update import Number
from trainables.upload import upload


class Rates:
    """The schedule's values for each step of an epoch, on the device before the epoch begins.

    Args:
        steps: number of steps per epoch.
        cycles: whether the momentum changes between steps.
        device: device of the weights.
        captured: whether steps are captured: then a changing momentum is also a tensor.
    """

    def __init__(self, steps: int, cycles: bool, device: torch.device, captured: bool) -> None:
        # The kernels read the rate as float64 on a CPU, and as float32 on a GPU.
        kind = torch.float64 if device.type == "cpu" else torch.float32
        self._rates = torch.zeros(steps, dtype=kind, device=device)
        self._momenta = torch.zeros_like(self._rates)
        self._next = torch.zeros(1, dtype=torch.int64, device=device)
        self._cycles, self._captured = cycles, captured
        self._constant, self._left = 0.0, list[float]()

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that a step changes: the index of the next step."""
        return [self._next]

    def fill(self, optimizer: Optimizer, schedule: LRScheduler) -> None:
        """Read the epoch's values from ``schedule``, which then is in its state after the epoch."""
        group, pairs = optimizer.param_groups[0], list[tuple[float, float]]()
        for _ in range(len(self._rates)):
            pairs.append(
                (group["lr"], group["betas"][0] if "betas" in group else group["momentum"])
            )
            schedule.step()
        rates, momenta = zip(*pairs, strict=True)
        for room, values in ((self._rates, rates), (self._momenta, momenta)):
            room.copy_(upload(values, room.dtype, room.device))
        self._next.zero_()
        self._constant, self._left = momenta[0], list(reversed(momenta))

    def take(self) -> tuple[Tensor, Number]:
        """The next step's learning rate and momentum."""
        rate, momentum = self._rates.index_select(0, self._next)[0], self._momentum()
        self._next += 1
        return rate, momentum

    def _momentum(self) -> Number:
        if not self._cycles:
            return self._constant
        if self._captured:
            return self._momenta.index_select(0, self._next)[0]
        return self._left.pop()

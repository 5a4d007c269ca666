"""A network with its optimizer and schedule."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from trainables.device import training_dtype
from trainables.optimization import optimizer_of, schedule_of
from trainables.recipe import Recipe
from trainables.step.lean_weights import LeanWeights
from trainables.step.rates import Rates
from trainables.step.update import begin, update


class Learner:
    """A network, its optimizer, and the schedule of its learning rate.

    Args:
        model: newly initialised, on its device.
        recipe: the recipe of the training.
        epochs: number of epochs.
        steps: number of steps per epoch.
        captured: whether its updates are captured.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, epochs: int, steps: int, captured: bool
    ) -> None:
        self.model, self._clip_norm = model.to(memory_format=torch.channels_last), recipe.clip_norm
        self.optimizer = optimizer_of(recipe, self.model)
        self._schedule = schedule_of(recipe, self.optimizer, epochs, steps)
        # Torch's schedules check that the optimizer stepped; here ``update`` steps.
        self.optimizer._opt_called = True  # type: ignore[attr-defined]
        begin(self.optimizer)
        self._buffers = [
            (module, name, buffer)
            for module in model.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        device = next(model.parameters()).device
        self.dtype = training_dtype(device)
        # If steps are not captured, copies save no time.
        self.weights = LeanWeights(self.model, self.dtype if captured else torch.float32)
        cycles = recipe.schedule == "one_cycle" and recipe.cycle_momentum
        self._rates = Rates(steps, cycles, device, captured)

    @property
    def rate(self) -> float:
        """The learning rate of the next epoch's first step."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def tensors(self) -> list[Tensor]:
        """Everything that an update changes."""
        states = [part for state in self.optimizer.state.values() for part in state.values()]
        states = [part for part in states if part is not None]
        return [*self.weights.tensors, *self.model.buffers(), *states, *self._rates.tensors]

    def begin_epoch(self) -> None:
        """Upload the learning rates and momenta of the next epoch's steps to the device."""
        self._rates.fill(self.optimizer, self._schedule)

    def logits(self, inputs: Tensor) -> Tensor:
        """The logits (N, classes), computed in the training's number format, as float32."""
        low = self.dtype == torch.bfloat16
        with torch.autocast(inputs.device.type, torch.bfloat16, low), self.weights.in_use():
            logits: Tensor = self.model(inputs)
        return logits.float()

    def update(self, objective: Tensor) -> None:
        """Take one step against the gradient of ``objective``, clipped if the recipe says so."""
        self.weights.forget_gradients()
        objective.backward()  # type: ignore[no-untyped-call]
        self._settle_buffers()
        self.weights.widen_gradients()
        if self._clip_norm:
            clip_grad_norm_(self.weights.masters, self._clip_norm)
        update(self.optimizer, *self._rates.take())
        self.weights.follow()

    def _settle_buffers(self) -> None:
        """Copy a buffer that the network replaced into the old one, as a graph reads its memory."""
        for module, name, buffer in self._buffers:
            now = module._buffers.get(name)
            if now is not buffer and now is not None and now.shape == buffer.shape:
                with torch.no_grad():
                    buffer.copy_(now)
                module._buffers[name] = buffer

    def state(self) -> dict[str, Any]:
        """The state for resuming: the state dicts of network, optimizer and schedule."""
        optimizer, schedule = self.optimizer.state_dict(), self._schedule.state_dict()
        return {"model": self.model.state_dict(), "optimizer": optimizer, "schedule": schedule}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a ``state``.

        Raises:
            Exception: torch's errors if the state does not fit this network or optimizer.
        """
        self.model.load_state_dict(state["model"])
        self.weights.follow()
        self.optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])

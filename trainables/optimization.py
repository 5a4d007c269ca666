"""Make the optimizer and the learning-rate schedule that a recipe names."""

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR, StepLR

from trainables.compiler import leave_out
from trainables.recipe import Recipe


def optimizer_of(recipe: Recipe, model: nn.Module) -> Optimizer:
    """A torch optimizer over all of the model's parameters.

    It is fused: one pass over a parameter does all its arithmetic, three to four times as fast.
    """
    leave_out()
    parameters, lr, decay = list(model.parameters()), recipe.lr, recipe.weight_decay
    fused = parameters[0].device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        momentum, nesterov = recipe.momentum, recipe.nesterov and recipe.momentum > 0
        return SGD(parameters, lr, momentum, nesterov=nesterov, weight_decay=decay, fused=fused)
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    return kind(parameters, lr, weight_decay=decay, fused=fused)


def schedule_of(
    recipe: Recipe, optimizer: Optimizer, epochs: int, steps_per_epoch: int
) -> LRScheduler:
    """A torch schedule over ``epochs * steps_per_epoch`` batches; step it after each batch."""
    steps = epochs * steps_per_epoch
    if recipe.schedule == "one_cycle":
        return _one_cycle(recipe, optimizer, steps)
    if recipe.schedule == "cosine":
        period = max(1, round(recipe.t_max * steps))
        return CosineAnnealingLR(optimizer, T_max=period, eta_min=recipe.eta_min * recipe.lr)
    if recipe.schedule == "halving":
        return StepLR(optimizer, step_size=recipe.halve_every * steps_per_epoch, gamma=0.5)
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


def _one_cycle(recipe: Recipe, optimizer: Optimizer, steps: int) -> OneCycleLR:
    # Torch divides by zero if the rise is a single step, so it has at least two.
    total = max(4, steps)
    rise = max(recipe.warmup, 2 / total)
    peak = recipe.lr * recipe.peak_factor
    return OneCycleLR(
        optimizer, peak, total_steps=total, pct_start=rise, cycle_momentum=recipe.cycle_momentum
    )

"""The control for attribution and decodability: the same network without training."""

from copy import deepcopy

import torch
from torch import nn

_SEED = 0


def reinitialised(model: nn.Module) -> nn.Module:
    """A copy of ``model`` in eval mode with new random weights, always from the same seed."""
    copy = deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for module in copy.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return copy.eval()

"""The control of what attribution and decodability say: the same network, not trained."""

from copy import deepcopy

import torch
from torch import nn

_SEED = 0


def reinitialised(model: nn.Module) -> nn.Module:
    """A copy of ``model`` with weights drawn anew, always the same, in eval mode."""
    copy = deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for module in copy.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return copy.eval()

"""Torch's compiler, which a training does not need and which takes a second to import."""

from typing import Any

from torch.optim import Optimizer


def leave_out() -> None:
    """Have torch's optimizers not import the compiler to ask it to leave some methods alone.

    Torch keeps with each of these what the compiler made of it, and imports it where it has made
    nothing yet; without a compiler that is the method as it is.
    """
    methods = Optimizer.add_param_group, Optimizer.state_dict, Optimizer.load_state_dict
    for method in methods:
        plain: Any = getattr(method, "__wrapped__", method)
        plain.__dynamo_disable = plain

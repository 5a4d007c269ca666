"""Avoid torch's compiler, which trainings do not need and which takes a second to import."""

from typing import Any

from torch.optim import Optimizer


def leave_out() -> None:
    """Prevent torch's optimizers from importing the compiler.

    They import it to exclude some methods from compilation, and store the excluded form with each
    method. Here the method itself is stored as that form, so the compiler is not imported.
    """
    methods = Optimizer.add_param_group, Optimizer.state_dict, Optimizer.load_state_dict
    for method in methods:
        plain: Any = getattr(method, "__wrapped__", method)
        plain.__dynamo_disable = plain

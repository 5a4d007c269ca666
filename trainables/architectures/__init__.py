"""Architectures, found by the name of their file: ``NAME.py`` with a function ``build``.

``build(*, image_size: int, classes: int, **parameters) -> nn.Module`` returns a network from
float images of shape (N, 3, image_size, image_size) to logits of shape (N, classes). Its keyword
parameters, each with a default, are the architecture's own hyperparameters. Every ReLU is a module
of its own and not inplace: attribution methods that hook modules are silently wrong otherwise.
"""

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

if TYPE_CHECKING:
    from torch import nn

_GIVEN = {"image_size", "classes"}


def available() -> list[str]:
    """Names of all architectures, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def builder(name: str) -> Callable[..., "nn.Module"]:
    """The ``build`` function of architecture ``name``.

    Raises:
        UsageError: there is no such architecture.
    """
    if name not in available():
        raise UsageError(
            f"architecture {name!r} is not there; choose one of {', '.join(available())}"
            f"{nearest(name, available())}"
        )
    build: Callable[..., nn.Module] = import_module(f"{__name__}.{name}").build
    return build


def parameters(name: str) -> dict[str, bool | int | float | str]:
    """Hyperparameters of architecture ``name`` with their defaults."""
    signature = inspect.signature(builder(name))
    return {key: p.default for key, p in signature.parameters.items() if key not in _GIVEN}


def check_builds(name: str, *, image_size: int, classes: int, **parameters: Any) -> None:
    """Build architecture ``name`` without memory for its weights, however large it is.

    Raises:
        UsageError: there is no such architecture, or it cannot take the images or parameters.
    """
    import torch  # takes a second, and names of architectures are checked without

    with torch.device("meta"):
        builder(name)(image_size=image_size, classes=classes, **parameters)


def check_trainable(name: str, model: "nn.Module", *, image_size: int, classes: int) -> None:
    """Run ``model``, which is of architecture ``name``, once.

    Raises:
        UsageError: it has no weights, or some of no size yet, fails, or gives no logits.
    """
    import torch
    from torch.nn.parameter import UninitializedParameter

    weights = dict(model.named_parameters())
    lazy = [key for key, weight in weights.items() if isinstance(weight, UninitializedParameter)]
    if lazy or not weights:
        what = f"{lazy[0]} has no size yet; use no lazy layer" if lazy else "it has no weights"
        raise UsageError(f"architecture {name}: {what}")
    shape = (2, 3, image_size, image_size)
    try:
        with torch.no_grad():
            logits = model.eval()(torch.zeros(shape))
    except Exception as error:  # whatever the network raises
        raise UsageError(
            f"architecture {name} fails on images of shape {shape}: {error}"
        ) from error
    given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if given != (2, classes):
        raise UsageError(
            f"architecture {name} gives {given} for images of shape {shape}; "
            f"return logits of shape {(2, classes)}"
        )

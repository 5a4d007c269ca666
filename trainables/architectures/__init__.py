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
from typing import Any

import torch
from torch import nn

from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

_GIVEN = {"image_size", "classes"}


def available() -> list[str]:
    """Names of all architectures, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def builder(name: str) -> Callable[..., nn.Module]:
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
    with torch.device("meta"):
        builder(name)(image_size=image_size, classes=classes, **parameters)

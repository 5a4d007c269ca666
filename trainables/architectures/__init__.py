"""Architectures, found by the name of their file: ``NAME.py`` with a function ``build``.

``build(*, image_shape: ImageShape, classes: int, **parameters) -> nn.Module`` returns a network
that maps float images of shape (N, channels, height, width) to logits of shape (N, classes). Its
other parameters, each with a default, are the architecture's own hyperparameters. Every ReLU is a
module of its own and not inplace; otherwise attribution methods with hooks are silently wrong.

A ``build`` with ``image_size: int`` instead of ``image_shape`` takes only square RGB images.
"""

import inspect
import pkgutil
from bisect import bisect_left
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest
from trainables.shapes import ImageShape, TooSmallError, in_words

if TYPE_CHECKING:
    from torch import nn

_GIVEN = {"image_shape", "image_size", "classes"}
_LARGEST = 1024  # pixels a side; an architecture's smallest image is searched up to this size


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
            f"architecture {name!r} does not exist; choose one of {', '.join(available())}"
            f"{nearest(name, available())}"
        )
    build: Callable[..., nn.Module] = import_module(f"{__name__}.{name}").build
    return build


def parameters(name: str) -> dict[str, bool | int | float | str]:
    """Hyperparameters of architecture ``name`` with their defaults."""
    signature = inspect.signature(builder(name))
    return {key: p.default for key, p in signature.parameters.items() if key not in _GIVEN}


def build(name: str, *, image_shape: ImageShape, classes: int, **parameters: Any) -> "nn.Module":
    """A network of architecture ``name``, freshly initialised.

    Raises:
        UsageError: there is no such architecture, or it refuses the images or parameters.
    """
    try:
        return _build(name, image_shape, classes, parameters)
    except TooSmallError as error:
        least = _least_side(name, image_shape[2], classes, parameters)
        raise UsageError(f"{error}; {name} needs {least} pixels or more per side here") from error


def _build(
    name: str, image_shape: ImageShape, classes: int, parameters: dict[str, Any]
) -> "nn.Module":
    own = builder(name)
    if "image_shape" in inspect.signature(own).parameters:
        return own(image_shape=image_shape, classes=classes, **parameters)
    height, width, channels = image_shape
    if height != width or channels != 3:
        raise UsageError(
            f"architecture {name} takes only square RGB images, not {in_words(image_shape)}: its "
            "build has no parameter image_shape; replace image_size with image_shape, (height, "
            "width, channels)"
        )
    return own(image_size=height, classes=classes, **parameters)


def _least_side(name: str, channels: int, classes: int, parameters: dict[str, Any]) -> int:
    import torch

    def fits(side: int) -> bool:
        with torch.device("meta"):
            try:
                _build(name, (side, side, channels), classes, parameters)
            except TooSmallError:
                return False
        return True

    return bisect_left(range(_LARGEST), True, lo=1, key=fits)


def check_builds(name: str, *, image_shape: ImageShape, classes: int, **parameters: Any) -> None:
    """Check that architecture ``name`` can be built, without allocating its weights.

    Raises:
        UsageError: there is no such architecture, or it refuses the images or parameters.
    """
    import torch  # takes a second, and checking names does not need it

    with torch.device("meta"):
        build(name, image_shape=image_shape, classes=classes, **parameters)


def check_trainable(
    name: str, model: "nn.Module", *, image_shape: ImageShape, classes: int
) -> None:
    """Check that ``model``, of architecture ``name``, can be trained, by running it once.

    Raises:
        UsageError: it has no weights or lazy ones, fails, or returns no logits.
    """
    import torch
    from torch.nn.parameter import UninitializedParameter

    weights = dict(model.named_parameters())
    lazy = [key for key, weight in weights.items() if isinstance(weight, UninitializedParameter)]
    if lazy or not weights:
        what = f"{lazy[0]} has no size yet; use no lazy layers" if lazy else "it has no weights"
        raise UsageError(f"architecture {name}: {what}")
    height, width, channels = image_shape
    shape = (2, channels, height, width)
    try:
        with torch.no_grad():
            logits = model.eval()(torch.zeros(shape))
    except Exception as error:  # a network can raise anything
        raise UsageError(
            f"architecture {name} fails on images of shape {shape}: {error}"
        ) from error
    output = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if output != (2, classes):
        raise UsageError(
            f"architecture {name} returns {output} for images of shape {shape}; "
            f"return logits of shape {(2, classes)}"
        )

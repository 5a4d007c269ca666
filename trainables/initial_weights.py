"""Start a training from another model's weights instead of random ones.

A layer takes the weights if the file has all of its tensors with the same shapes. Other layers,
such as a head for other classes, stay at their random values.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.boundary.errors import UsageError
from trainables.checkpoint import load

_DESCRIPTIONS = ("labels.json", "setting.json")  # files next to weights; name the architecture


@dataclass(frozen=True)
class Taken:
    """The weights that a network takes from another.

    Attributes:
        tensors: tensors of the layers that fit, by name.
        redrawn: names of the layers that do not fit.
    """

    tensors: dict[str, Tensor]
    redrawn: tuple[str, ...]


def initialise(model: nn.Module, path: Path, architecture: str) -> tuple[str, ...]:
    """Load the weights in ``path`` into ``model``; return the names of the layers that do not fit.

    Raises:
        UsageError: the file does not load, or is of another architecture.
    """
    taken = taken_by(model, read_weights(path, architecture), path)
    model.load_state_dict(taken.tensors, strict=False)
    return taken.redrawn


def read_weights(path: Path, architecture: str) -> dict[str, Tensor]:
    """The tensors in a ``weights.pt`` or ``model.pt``, by name.

    Raises:
        UsageError: the file does not load, holds no weights or numbers that are not finite, or is
            of another architecture.
    """
    if not path.is_file():
        raise UsageError(f"init: {path} does not exist; give the weights.pt of a model")
    _check_architecture(path, architecture)
    try:
        weights = load(path)
    except UsageError as error:
        raise UsageError(f"init: {error}; give the weights.pt of a model") from error
    if not weights or not all(map(_is_plain, weights, weights.values())):
        raise UsageError(f"init: {path} holds no network's weights; give the weights.pt of a model")
    if not all(value.isfinite().all() for value in weights.values()):
        raise UsageError(f"init: {path} holds weights that are not finite; give another model's")
    return weights


def _is_plain(name: Any, value: Any) -> bool:
    """True for a named, dense tensor of real numbers with values."""
    if not (isinstance(name, str) and isinstance(value, Tensor)):
        return False
    dense = value.layout == torch.strided and not value.is_meta
    return dense and not (value.is_complex() or value.is_quantized)


def _check_architecture(path: Path, architecture: str) -> None:
    for name in _DESCRIPTIONS:
        other = _architecture(path.with_name(name))
        if other not in (None, architecture):
            raise UsageError(f"init: {path} is of architecture {other}, not {architecture}")


def _architecture(file: Path) -> Any:
    """The architecture that a file next to the weights names; None if it names none."""
    try:
        written = json.loads(file.read_text())
        return written.get("architecture") or written["setting"]["architecture"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def taken_by(model: nn.Module, weights: dict[str, Tensor], path: Path) -> Taken:
    """The part of ``weights`` that ``model`` takes, layer by layer.

    Raises:
        UsageError: no layer fits; or no file next to the weights names their architecture, and
            their layers are those of another one.
    """
    own = model.state_dict()
    layers: dict[str, list[str]] = {}
    for name in own:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    fits = {
        layer: all(n in weights and _fits(weights[n], own[n]) for n in names)
        for layer, names in layers.items()
    }
    if not any(fits.values()):
        raise UsageError(f"init: no layer of {path} fits; give weights of the same architecture")
    if all(_architecture(path.with_name(name)) is None for name in _DESCRIPTIONS):
        _check_layers(own, weights, path)
    tensors = {name: weights[name] for layer in fits if fits[layer] for name in layers[layer]}
    return Taken(tensors, tuple(layer for layer, fit in fits.items() if not fit))


def _fits(weights: Tensor, own: Tensor) -> bool:
    """True if the shapes are equal, and the weights are floats if the network's are."""
    exact = weights.is_floating_point() or not own.is_floating_point()
    return exact and weights.shape == own.shape


def _check_layers(own: dict[str, Tensor], weights: dict[str, Tensor], path: Path) -> None:
    """Raise UsageError if each has layers that the other lacks; normalisation layers do not count.

    Within one architecture, a parameter such as the depth may add layers to one of them.
    """
    ours, theirs = (_layers(each) for each in (own, weights))
    if (more := theirs - ours) and (lacking := ours - theirs):
        raise UsageError(
            f"init: {path} is of another architecture: it has layer {min(more)} and lacks "
            f"{min(lacking)}; give weights of the same architecture"
        )


def _layers(state: dict[str, Tensor]) -> set[str]:
    return {name.rpartition(".")[0] for name, value in state.items() if value.dim() > 1}

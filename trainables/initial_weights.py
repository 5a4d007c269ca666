"""A training that starts from another model's weights instead of random ones.

A layer takes the weights if the file has all of its tensors in its shapes. The others, such as a
head for other classes, keep the values that they were drawn with.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainables.boundary.errors import UsageError
from trainables.checkpoint import load

_BESIDE = ("labels.json", "setting.json")  # what names the architecture of the weights beside it


@dataclass(frozen=True)
class Taken:
    """What a network takes of another's weights.

    Attributes:
        tensors: by name, of the layers that fit.
        redrawn: names of the layers that do not.
    """

    tensors: dict[str, Tensor]
    redrawn: tuple[str, ...]


def initialise(model: nn.Module, path: Path, architecture: str) -> tuple[str, ...]:
    """Give ``model`` the weights in ``path``; the names of the layers that keep their own.

    Raises:
        UsageError: the file does not load, or is of another architecture.
    """
    taken = taken_by(model, read_weights(path, architecture), path)
    model.load_state_dict(taken.tensors, strict=False)
    return taken.redrawn


def read_weights(path: Path, architecture: str) -> dict[str, Tensor]:
    """The tensors in a ``weights.pt`` or ``model.pt``, by name.

    Raises:
        UsageError: the file does not load, holds something else or numbers that are not finite, or
            is of another architecture.
    """
    if not path.is_file():
        raise UsageError(f"init: {path} is not there; give the weights.pt of a model")
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
    """True of a tensor of real numbers by name, neither sparse nor without values."""
    if not (isinstance(name, str) and isinstance(value, Tensor)):
        return False
    dense = value.layout == torch.strided and not value.is_meta
    return dense and not (value.is_complex() or value.is_quantized)


def _check_architecture(path: Path, architecture: str) -> None:
    for name in _BESIDE:
        other = _architecture(path.with_name(name))
        if other not in (None, architecture):
            raise UsageError(f"init: {path} is of architecture {other}, not {architecture}")


def _architecture(file: Path) -> Any:
    """What a file beside the weights says of them; None if it says nothing."""
    try:
        written = json.loads(file.read_text())
        return written.get("architecture") or written["setting"]["architecture"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def taken_by(model: nn.Module, weights: dict[str, Tensor], path: Path) -> Taken:
    """What ``model`` takes of ``weights``, layer by layer.

    Raises:
        UsageError: no layer fits, or nothing beside the file says of which architecture it is and
            its layers are another's.
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
    if all(_architecture(path.with_name(name)) is None for name in _BESIDE):
        _check_layers(own, weights, path)
    tensors = {name: weights[name] for layer in fits if fits[layer] for name in layers[layer]}
    return Taken(tensors, tuple(layer for layer, fit in fits.items() if not fit))


def _fits(weights: Tensor, own: Tensor) -> bool:
    """True if the weights have the shape, and are fractions where the network's are."""
    exact = weights.is_floating_point() or not own.is_floating_point()
    return exact and weights.shape == own.shape


def _check_layers(own: dict[str, Tensor], weights: dict[str, Tensor], path: Path) -> None:
    """Raise UsageError if each has layers that the other lacks, normalisation left aside.

    Of one architecture a parameter may add layers, as a greater depth does.
    """
    ours, theirs = (_layers(each) for each in (own, weights))
    if (more := theirs - ours) and (lacking := ours - theirs):
        raise UsageError(
            f"init: {path} is of another architecture: it has layer {min(more)} and lacks "
            f"{min(lacking)}; give weights of the same architecture"
        )


def _layers(state: dict[str, Tensor]) -> set[str]:
    return {name.rpartition(".")[0] for name, value in state.items() if value.dim() > 1}

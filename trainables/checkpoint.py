"""Save the state of a training to disk, and load it."""

import warnings
from pathlib import Path
from typing import Any

import torch

from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError


def save(state: dict[str, Any], path: Path) -> None:
    """Write ``state`` (tensors and plain values) to ``path`` atomically.

    Raises:
        OSError: it could not be written, for example because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # Torch replaces the file's error by one about the end of its archive.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Load the state in ``path`` with its tensors on ``device``; no code in the file runs.

    Raises:
        UsageError: there is no such file, or it is damaged.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of files that it then refuses
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for damaged bytes
        raise UsageError(f"checkpoint {path} cannot be loaded ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise UsageError(
            f"checkpoint {path} holds a {type(state).__name__}, not a training's state"
        )
    return state

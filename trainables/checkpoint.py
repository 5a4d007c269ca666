"""A training's state on disk."""

import warnings
from pathlib import Path
from typing import Any

import torch

from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError


def save(state: dict[str, Any], path: Path) -> None:
    """Write ``state`` (tensors and plain values) to ``path``, whole or not at all.

    Raises:
        OSError: it could not be written, for want of room on the disk perhaps.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            # What the file raised is lost beneath torch's error about the end of its archive.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state in ``path``, its tensors on ``device``; runs no code from the file.

    Raises:
        UsageError: there is no such file, or it is damaged.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own on what it then refuses
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch lets through whatever Python raises for damaged bytes
        raise UsageError(f"checkpoint {path} does not load ({type(error).__name__})") from error
    if not isinstance(state, dict):
        raise UsageError(
            f"checkpoint {path} holds a {type(state).__name__}, not a training's state"
        )
    return state

"""A pack: several trainings in one process, on one device, which take steps in turn.

A small network leaves most of a GPU idle. In a pack, one process holds the data once, and each
member's steps run in a CUDA stream of its own, so that they may overlap. Each member also has its
own random state, so it ends with the same weights as if it trained alone.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from trainables.training import Epoch


def use_all_queues() -> None:
    """Let a GPU take work from 32 streams at once instead of 8; call it before its first use."""
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")


class Member:
    """One training of a pack.

    Args:
        steps: the iterator from ``trainables.training.steps``.
        device: the device that it computes on.
    """

    def __init__(self, steps: Iterator[Epoch | None], device: torch.device) -> None:
        self._steps, self._device = steps, device
        self._random = _Random.new(device)
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            # The data that it reads must be on the device.
            self._stream.wait_stream(torch.cuda.current_stream(device))

    def advance(self) -> Epoch | None:
        """Train a step; return the epoch if one ended with it, else None.

        Raises:
            StopIteration: the training has ended.
        """
        outside = _Random.present(self._device)
        self._random.install(self._device)
        try:
            with torch.cuda.stream(self._stream):  # None on a CPU, which has no effect
                return next(self._steps)
        finally:
            self._random = _Random.present(self._device)
            outside.install(self._device)


@dataclass(frozen=True)
class _Random:
    """The state of torch's global generators: the CPU's, and the GPU's if that is the device.

    On a GPU it is the generator's state itself, not a copy: a graph reads its seed from memory that
    belongs to the state with which it was captured, and members replay at the same time.
    """

    cpu: torch.Tensor
    gpu: torch.Generator | None

    @classmethod
    def new(cls, device: torch.device) -> "_Random":
        """The current state on a CPU, and a new state on a GPU."""
        own = torch.Generator(device) if device.type == "cuda" else None
        return cls(torch.get_rng_state(), own)

    @classmethod
    def present(cls, device: torch.device) -> "_Random":
        """The current state of the generators."""
        gpu = _on_gpu(device)
        return cls(torch.get_rng_state(), gpu.graphsafe_get_state() if gpu else None)

    def install(self, device: torch.device) -> None:
        """Make it the current state of the generators."""
        torch.set_rng_state(self.cpu)
        gpu = _on_gpu(device)
        if gpu and self.gpu:
            gpu.graphsafe_set_state(self.gpu)


def _on_gpu(device: torch.device) -> torch.Generator | None:
    """The global generator of a GPU; None for another device."""
    if device.type != "cuda":
        return None
    torch.cuda.init()  # type: ignore[no-untyped-call]
    return torch.cuda.default_generators[device.index or 0]

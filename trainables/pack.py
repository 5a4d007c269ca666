"""A pack: several trainings in one process, on one device, a step of each in turn.

A small network leaves most of a GPU idle. In a pack one process holds the data once, and the steps
of its members lie in CUDA streams of their own, so that they may overlap. A member draws from a
random stream of its own too, so it ends with the weights that it would have alone.
"""

from collections.abc import Iterator

import torch

from trainables.training import Epoch

_State = tuple[torch.Tensor, torch.Tensor | None]


class Member:
    """One training of a pack.

    Args:
        steps: what ``trainables.training.steps`` gives.
        device: where it computes.
    """

    def __init__(self, steps: Iterator[Epoch | None], device: torch.device) -> None:
        self._steps, self._device = steps, device
        self._random = _random_state(device)
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            # What it reads, the data above all, must be there.
            self._stream.wait_stream(torch.cuda.current_stream(device))

    def advance(self) -> Epoch | None:
        """Train a step; the epoch, if one ended with it.

        Raises:
            StopIteration: the training has ended.
        """
        outside = _random_state(self._device)
        _set_random_state(self._random, self._device)
        try:
            with torch.cuda.stream(self._stream):  # on a CPU, None, which changes nothing
                return next(self._steps)
        finally:
            self._random = _random_state(self._device)
            _set_random_state(outside, self._device)


def _random_state(device: torch.device) -> _State:
    """Of torch's global generators: the CPU's, and the device's if that is a GPU."""
    gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), gpu


def _set_random_state(state: _State, device: torch.device) -> None:
    cpu, gpu = state
    torch.set_rng_state(cpu)
    if gpu is not None:
        torch.cuda.set_rng_state(gpu, device)

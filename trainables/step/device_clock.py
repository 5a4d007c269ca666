"""Measure seconds between marks in a training, on the clock of its device."""

import time
from typing import Any

import torch


class _HostMark:
    """A moment on the host's clock."""

    def __init__(self) -> None:
        self._at = time.perf_counter()

    def query(self) -> bool:
        """True, as it is always passed."""
        return True

    def synchronize(self) -> None:
        """Do nothing, as it is always passed."""

    def elapsed_time(self, other: "_HostMark") -> float:
        """Milliseconds until ``other``."""
        return 1000 * (other._at - self._at)


class DeviceClock:
    """Marks in the device's work; a mark is passed once all earlier work is done.

    Args:
        device: the device; setting a mark on a GPU waits for nothing.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._marks: list[Any] = []  # torch's events, or host marks

    def mark(self) -> None:
        """Set the next mark."""
        if self._on_gpu:
            self._marks.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
            self._marks[-1].record()
        else:
            self._marks.append(_HostMark())

    @property
    def passed(self) -> bool:
        """True once the last mark is passed."""
        return bool(self._marks[-1].query())

    def wait(self) -> None:
        """Wait until the last mark is passed."""
        self._marks[-1].synchronize()

    def seconds(self, first: int, last: int) -> float:
        """Seconds between two marks, given by their numbers from 0 on."""
        return float(self._marks[first].elapsed_time(self._marks[last])) / 1000

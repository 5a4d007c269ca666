"""Run the work of a training on its device: directly, or as a CUDA graph."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

Work = Callable[[], None]
_CHUNK = 4096  # images: enough that launches per chunk take a small part of its steps' time
_WARM_UPS = 3  # runs in which cudnn chooses kernels and the allocator settles


class Execution(Protocol):
    """A way to run work on a device.

    Attributes:
        captures: whether ``repeatable`` captures the work instead of returning it.
        chunk: number of images that are augmented together; 0 for a batch.
    """

    captures: bool
    chunk: int

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """A function that does ``work`` again, with the same operations on the same tensors.

        Args:
            work: the work; it waits for no value from the device.
            changed: the tensors that it changes.
        """


class Eager:
    """Run work directly."""

    captures, chunk = False, 0

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """``work`` itself."""
        return work


class CudaGraphs:
    """Capture work as a CUDA graph, which one launch replays.

    Args:
        device: a GPU.
    """

    captures, chunk = True, _CHUNK

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._ended: list[torch.cuda.CUDAGraph] = []

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """Capture ``work`` as a graph; ``changed`` and the device's generator do not change."""
        torch.cuda.synchronize(self._device)
        self._ended.clear()
        before = [tensor.detach().clone() for tensor in changed]
        random = torch.cuda.get_rng_state(self._device)
        outer, stream = torch.cuda.current_stream(self._device), _new_stream(self._device)
        stream.wait_stream(outer)
        graph = torch.cuda.CUDAGraph()
        with _searching(), torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                work()
                _restore(changed, before)  # there may be only one batch to take
            # Other threads may copy checkpoints at the same time.
            mode = "thread_local"
            with (
                _workspaces_of_its_own(),
                torch.cuda.graph(graph, stream=stream, capture_error_mode=mode),
            ):
                work()
        outer.wait_stream(stream)
        _restore(changed, before)
        torch.cuda.set_rng_state(random, self._device)
        return _Replay(graph, self._ended)


def _restore(changed: Sequence[Tensor], before: Sequence[Tensor]) -> None:
    for tensor, value in zip(changed, before, strict=True):
        tensor.data.copy_(value)  # torch does not count this as a change


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return stream


class _Replay:
    """A captured graph, which must not be destroyed while another one replays.

    Args:
        graph: the graph.
        ended: list that holds the graph after its last use, until the device is idle.
    """

    def __init__(self, graph: torch.cuda.CUDAGraph, ended: list[torch.cuda.CUDAGraph]) -> None:
        self._graph, self._ended = graph, ended

    def __call__(self) -> None:
        self._graph.replay()

    def __del__(self) -> None:
        self._ended.append(self._graph)


@contextmanager
def _workspaces_of_its_own() -> Iterator[None]:
    """Give the matrix products of a captured graph a workspace of their own.

    Torch has one workspace for each of its few streams. Two graphs that were captured on one stream
    would write to it at the same time.
    """
    torch._C._cuda_clearCublasWorkspaces()
    try:
        yield
    finally:
        torch._C._cuda_clearCublasWorkspaces()


@contextmanager
def _searching() -> Iterator[None]:
    """Let cudnn measure which of its kernels is the fastest."""
    benchmark, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark


def execution_on(device: torch.device) -> Execution:
    """CUDA graphs on an NVIDIA GPU; on other devices work runs directly."""
    return CudaGraphs(device) if device.type == "cuda" else Eager()

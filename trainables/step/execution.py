"""How the work of a training reaches its device: as it is written, or as a CUDA graph."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

Work = Callable[[], None]
_CHUNK = 4096  # images: what is launched once a chunk then costs a small part of its steps
_WARM_UPS = 3  # cudnn chooses its kernels, and autograd and the allocator settle


class Execution(Protocol):
    """How work reaches a device.

    Attributes:
        captures: whether ``repeatable`` makes another thing of the work than the work itself.
        chunk: images that are augmented at once; 0 for a batch.
    """

    captures: bool
    chunk: int

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """What does ``work``, which is made of the same operations on the same tensors each time.

        Args:
            work: waits for no value of the device.
            changed: the tensors that it changes.
        """


class Eager:
    """Work is done as it is written."""

    captures, chunk = False, 0

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """``work`` itself."""
        return work


class CudaGraphs:
    """Work is captured as a CUDA graph, which one launch replays.

    Args:
        device: a GPU.
    """

    captures, chunk = True, _CHUNK

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._ended: list[torch.cuda.CUDAGraph] = []

    def repeatable(self, work: Work, changed: Sequence[Tensor]) -> Work:
        """A graph of ``work``; ``changed`` and the device's generator stay as they are."""
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
                _restore(changed, before)  # there may be but one batch to take
            # Other threads may copy checkpoints meanwhile.
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
        tensor.data.copy_(value)  # which torch does not count as a change


def _new_stream(device: torch.device) -> torch.cuda.Stream:
    stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return stream


class _Replay:
    """A captured graph, which outlives its last use: none may be destroyed while another replays.

    Args:
        graph: the graph.
        ended: where it is put then, until the device is idle.
    """

    def __init__(self, graph: torch.cuda.CUDAGraph, ended: list[torch.cuda.CUDAGraph]) -> None:
        self._graph, self._ended = graph, ended

    def __call__(self) -> None:
        self._graph.replay()

    def __del__(self) -> None:
        self._ended.append(self._graph)


@contextmanager
def _workspaces_of_its_own() -> Iterator[None]:
    """Have what is captured multiply matrices in memory of its graph's alone.

    Torch keeps a workspace for each of the few streams that it deals out. Two graphs that were
    captured on one would write to it at the same time.
    """
    torch._C._cuda_clearCublasWorkspaces()
    try:
        yield
    finally:
        torch._C._cuda_clearCublasWorkspaces()


@contextmanager
def _searching() -> Iterator[None]:
    """Have cudnn measure which of its kernels is the fastest."""
    benchmark, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark


def execution_on(device: torch.device) -> Execution:
    """CUDA graphs on a GPU of NVIDIA's; elsewhere work is done as it is written."""
    return CudaGraphs(device) if device.type == "cuda" else Eager()

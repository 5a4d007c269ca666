"""A CUDA graph's stand-in on a CPU: work is recorded, and done again on the same tensors."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = {"_local_scalar_dense", "nonzero", "bincount", "is_nonzero", "equal", "masked_select"}
WAITS |= {"_unique2", "unique_dim", "repeat_interleave"}


class Waits(Exception):
    """An operation that a CUDA graph cannot hold."""


def tensors(*values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


class Recorder(TorchDispatchMode):
    """Notes every operation; raises ``Waits`` where one needs a value or meets two devices."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Callable[..., Any], tuple, dict, Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        masks = [t for t in tensors(args[1:]) if t.dtype == torch.bool]
        if name in WAITS or (name.startswith("index") and masks):
            raise Waits(f"{name} needs a value of the device")
        devices = {t.device.type for t in tensors(args, kwargs)}
        if tensors(args, kwargs) and kwargs.get("device") is not None:
            devices.add(torch.device(kwargs["device"]).type)
        if len(devices) > 1:
            raise Waits(f"{name} meets {' and '.join(sorted(devices))}")
        out = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, out))
        return out

    def constants(self) -> list[str]:
        """Each operation with what it was given beside tensors: what a graph would repeat."""
        leaves = [(func, tree_leaves((args, kwargs))) for func, args, kwargs, _ in self.operations]
        return [f"{func} {[x for x in own if not isinstance(x, Tensor)]}" for func, own in leaves]


def again(func, args, kwargs, out) -> None:
    given = {t.untyped_storage().data_ptr() for t in tensors(args, kwargs)}
    fresh = [t.untyped_storage().data_ptr() not in given for t in tensors(out)]
    writes = func._schema.is_mutable
    if not writes and not any(fresh):  # a view: it shows what its tensor holds now
        return
    made = func(*args, **kwargs)
    for old, new, own in zip(tensors(out), tensors(made), fresh, strict=True):
        if own:
            old.copy_(new)


class Tape:
    """Records work once, with what it changes put back, and plays it as a CUDA graph does."""

    captures = True

    def __init__(self, chunk: int = 0) -> None:
        self.chunk = chunk
        self.recordings: list[Recorder] = []

    def repeatable(self, work: Callable[[], None], changed: Sequence[Tensor]) -> Callable[[], None]:
        before, random = [t.detach().clone() for t in changed], torch.get_rng_state()
        with Recorder() as recorder:
            work()
        self.recordings.append(recorder)
        with torch.no_grad():
            for tensor, value in zip(changed, before, strict=True):
                tensor.detach().copy_(value)
        torch.set_rng_state(random)

        @torch.inference_mode()  # as validation is recorded
        def play() -> None:
            for operation in recorder.operations:
                again(*operation)

        return play

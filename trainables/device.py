"""Where a trial computes: device, number format, threads."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch


def best_device() -> torch.device:
    """cuda, else mps, else cpu; from now on float32 is float32 on it, as ``exact_float32`` says."""
    exact_float32()
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@cache
def device_name(device: torch.device) -> str:
    """What the device is called, such as ``AMD EPYC 9R14, AVX512``.

    Of a CPU, its model and the widest instructions that torch uses on it: both may change the last
    bits of a result.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = _cpu_model() or platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _cpu_model() -> str:
    """The CPU's model as Linux tells it; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((s.partition(":")[2].strip() for s in lines if s.startswith("model name")), "")


def training_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else float32.

    Emulated bfloat16 is several times slower than float32, so support in software does not count.
    """
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    elif device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def evaluation_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, else float32, as in training."""
    return training_dtype(device)


def dtype_name(dtype: torch.dtype) -> str:
    """What records call a number format, such as ``bfloat16``."""
    return str(dtype).removeprefix("torch.")


def dtype_of(name: str) -> torch.dtype:
    """The number format that records call ``name``."""
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[name]


def tf32_requested() -> bool:
    """Whether the environment asks for TF32, by ``CONVOY_TF32=1``."""
    return os.environ.get("CONVOY_TF32", "0") not in ("", "0")


def exact_float32() -> None:
    """Compute float32 in float32 from now on.

    By default torch convolves in TF32 on a GPU, which has float32's range and a mantissa of 10 bits
    instead of 23. ``CONVOY_TF32=1`` asks for it again.
    """
    # Names that every torch from 2.7 on has: where torch is told by its newer ones, it refuses to
    # answer by these, which torch itself and other libraries still ask by.
    torch.backends.cudnn.allow_tf32 = tf32_requested()
    torch.set_float32_matmul_precision("highest")


@contextmanager
def tf32_convolutions(enabled: bool) -> Iterator[None]:
    """A GPU convolves float32 in TF32 within, or does not; afterwards as before."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = enabled
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def use_threads(count: int) -> None:
    """Compute with ``count`` CPU threads: as many as the trial has CPUs.

    More of them, in several trials at once, contend for the cores and run several times slower.
    """
    torch.set_num_threads(max(1, count))

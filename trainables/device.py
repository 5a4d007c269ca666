"""The device, number format and threads of a trial."""

import os
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch


def best_device() -> torch.device:
    """cuda if available, else mps, else cpu. It also calls ``exact_float32``."""
    exact_float32()
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@cache
def device_name(device: torch.device) -> str:
    """The name of the device, such as ``AMD EPYC 9R14, AVX512``.

    For a CPU it is the model and the widest instructions that torch uses: both may change the last
    bits of a result.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = _cpu_model() or platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _cpu_model() -> str:
    """The CPU's model on Linux; empty on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((s.partition(":")[2].strip() for s in lines if s.startswith("model name")), "")


def training_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 if the device multiplies it in hardware, else float32.

    Emulated bfloat16 is several times slower than float32, so software support does not count.
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
    """The number format of evaluations, which is that of training."""
    return training_dtype(device)


def dtype_name(dtype: torch.dtype) -> str:
    """The name of a number format in records, such as ``bfloat16``."""
    return str(dtype).removeprefix("torch.")


def dtype_of(name: str) -> torch.dtype:
    """The number format with the name ``name`` in records.

    Raises:
        ValueError: networks are not evaluated in this format.
    """
    if name not in ("bfloat16", "float32"):
        raise ValueError(f"{name!r} is neither bfloat16 nor float32")
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def tf32_requested() -> bool:
    """Whether the environment asks for TF32, by ``CONVOY_TF32=1``."""
    return os.environ.get("CONVOY_TF32", "0") not in ("", "0")


def exact_float32() -> None:
    """Compute float32 convolutions and products in full float32 from now on.

    By default torch convolves in TF32 on a GPU, which has float32's range but a mantissa of 10 bits
    instead of 23. ``CONVOY_TF32=1`` allows TF32 again.
    """
    # These names exist in every torch from 2.7 on. If its newer names are used, torch refuses reads
    # by these older ones, which torch itself and other libraries still use. Some versions warn.
    warnings.filterwarnings("ignore", "Please use the new API settings to control TF32")
    torch.backends.cudnn.allow_tf32 = tf32_requested()
    torch.set_float32_matmul_precision("highest")


@contextmanager
def tf32_convolutions(enabled: bool) -> Iterator[None]:
    """Switch TF32 convolutions on a GPU on or off within the context."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = enabled
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def use_threads(count: int) -> None:
    """Compute with ``count`` CPU threads: as many as the trial has CPUs.

    With more threads, several trials at once compete for cores and run several times slower.
    """
    torch.set_num_threads(max(1, count))

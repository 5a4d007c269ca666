"""Where a trial computes: device, number format, threads."""

import platform
from functools import cache
from pathlib import Path

import torch


def best_device() -> torch.device:
    """cuda, else mps, else cpu."""
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


def use_threads(count: int) -> None:
    """Compute with ``count`` CPU threads: as many as the trial has CPUs.

    More of them, in several trials at once, contend for the cores and run several times slower.
    """
    torch.set_num_threads(max(1, count))

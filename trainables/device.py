"""Where a trial computes: device, number format, threads."""

import torch


def best_device() -> torch.device:
    """cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


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

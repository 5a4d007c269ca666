"""Under which circumstances a benchmark ran."""

import os
import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from trainables.device import training_dtype

_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "ray", "optuna", "mlflow")


def circumstances(module: str, argv: list[str], device: torch.device) -> dict[str, Any]:
    """Command, date, machine and versions, as JSON values."""
    return {
        "command": shlex.join(["python", "-m", module, *argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(device),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def described(found: dict[str, Any]) -> str:
    """Two lines of what ``circumstances`` found."""
    machine, versions = found["machine"], found["versions"]
    place = f"{machine['gpu']}, " if machine["gpu"] else ""
    return (
        f"{place}{machine['cpus']} CPUs ({machine['cpu']}), Convoy in {machine['format']}, "
        f"load {machine['load']}\n"
        f"torch {versions['torch']}, Python {versions['python']}, {found['date']}"
    )


def _machine(device: torch.device) -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "format": str(training_dtype(device)).removeprefix("torch."),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }


def _cpu_model() -> str:
    """The processor's name as Linux tells it, else as Python does."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

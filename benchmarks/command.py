"""The common part of all benchmarks: flags, the conditions of a run, and its JSON file."""

import argparse
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.device import device_name, dtype_name, exact_float32, training_dtype, use_threads

_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "ray", "optuna", "mlflow")


def parser_of(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for ``python -m module``, with the flag that every command has."""
    parser = bare_parser(module, description)
    parser.add_argument("--json", metavar="FILE", help="also write all results to this file")
    return parser


def bare_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for ``python -m module`` without flags, described by the module's docstring."""
    prog = f"python -m {module}"
    about = re.sub(rf"^{re.escape(prog)}[^:]*: ", "", (description or "").replace("``", ""))
    about = about[:1].upper() + about[1:]
    return Arguments(prog=prog, description=about, formatter_class=_ParagraphHelp)


class _ParagraphHelp(argparse.HelpFormatter):
    """Wraps each paragraph and each item of a list by itself."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(fill(part, width, indent) for part in re.split(r"\n\n|\n(?=- )", text))


def add_machine_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags for data, device and threads of commands that train."""
    parser.add_argument(
        "--data", metavar="PATH", help="folder, or embedded (default: $CONVOY_DATA, else ./data)"
    )
    add_device_flag(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")


def add_device_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the device that computes networks."""
    parser.add_argument(
        "--device",
        type=_device,
        default="cpu",
        metavar="cpu|cuda",
        help="device (default: %(default)s)",
    )


def _device(name: str) -> torch.device:
    if name not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"{name} is neither cpu nor cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("torch finds no GPU here")
    exact_float32()
    return torch.device(name)


@command
def measured(
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    argv: list[str] | None,
    minima: Mapping[str, int],
) -> int:
    """Parse ``argv``, measure, write the results and return the exit status.

    Args:
        parser: the command's parser.
        measure: prints the results and returns them as JSON values.
        argv: the command line; None for the process's own.
        minima: the lowest value allowed, by flag.
    """
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    _check(arguments, minima)
    path = output_file(arguments.json, "--json")
    if "threads" in arguments:
        use_threads(arguments.threads or len(os.sched_getaffinity(0)))
    run = circumstances(parser.prog, argv, getattr(arguments, "device", torch.device("cpu")))
    print(_described(run), flush=True)
    figures = measure(arguments)
    if path is not None:
        path.write_text(json.dumps({**run, **figures}, indent=2) + "\n", encoding="utf-8")
    return 0


def _check(arguments: argparse.Namespace, minima: Mapping[str, int]) -> None:
    for flag, low in minima.items():
        values = getattr(arguments, flag)
        for value in values if isinstance(values, list) else [values]:
            if value is not None and value < low:
                raise UsageError(f"--{flag.replace('_', '-')} must be {low} or more, not {value}")


def output_file(written: str | None, flag: str) -> Path | None:
    """The file that a flag names, checked before the benchmark takes minutes."""
    if written is None:
        return None
    path = user_path(written, flag)
    if not path.parent.is_dir():
        raise UsageError(f"{flag} {written}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise UsageError(f"{flag} {written}: it is a folder; name a file in it")
    return path


def circumstances(program: str, argv: list[str], device: torch.device) -> dict[str, Any]:
    """Command, date, machine and versions, as JSON values."""
    return {
        "command": shlex.join([*program.split(), *argv]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "device": device_name(device),
            "cpus": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "format": dtype_name(training_dtype(device)),
            "load": round(os.getloadavg()[0], 2),
            "system": platform.platform(),
        },
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _described(run: dict[str, Any]) -> str:
    machine, versions = run["machine"], run["versions"]
    return (
        f"{machine['device']}, {machine['cpus']} CPUs, {machine['threads']} threads, "
        f"Convoy in {machine['format']}, load {machine['load']}\n"
        f"torch {versions['torch']}, Python {versions['python']}, {run['date']}\n"
    )


def _versions() -> dict[str, str]:
    """The versions of the packages that are installed."""
    versions = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions

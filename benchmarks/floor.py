"""``python -m benchmarks.floor``: how fast the machine's matrix products would let training be.

For each architecture: the floating-point operations of a training step, counted by torch; the rate
of a large matrix product on this machine, in the number format that Convoy trains in; and so the
images a second that no training exceeds by much. ``--measured FILE``, of ``benchmarks.throughput
--json``, sets what was reached beside it. What training moves through memory is not counted.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import circumstances, described
from benchmarks.throughput import case_of
from benchmarks.ways import Case
from trainables import architectures
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.data import resolve
from trainables.device import training_dtype, use_threads
from trainables.recipe import Setting
from trainables.training import network

SIDE, PRODUCTS = 2048, 9
BATCH = 8


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status: 0, or 2 where a flag or file is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = _parser().parse_args(argv)
        if arguments.threads is not None:
            use_threads(arguments.threads)
        print(_report(arguments, argv))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.floor", description=__doc__)
    parser.add_argument("--data", metavar="PATH", help="folder, or embedded")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, metavar="N", help="default: torch's")
    parser.add_argument("--measured", type=Path, metavar="FILE", help="of benchmarks.throughput")
    return parser


def _report(arguments: argparse.Namespace, argv: list[str]) -> str:
    device, source = torch.device(arguments.device), resolve(arguments.data)
    reached = _measured(arguments.measured)
    peak = matrix_rate(device, training_dtype(device))
    rows = [
        described(circumstances("benchmarks.floor", argv, device)),
        f"a product of {SIDE}x{SIDE} matrices: {peak / 1e9:,.0f} GFLOP/s\n",
        f"{'':16}{'MFLOP an image':>16}{'images/s at most':>18}{'reached':>10}{'share':>8}",
    ]
    for name in architectures.available():
        flops = flops_per_image(case_of(name, source, device))
        row = f"{name:16}{flops / 1e6:>16,.1f}{peak / flops:>18,.0f}"
        if name in reached:
            row += f"{reached[name]:>10,.0f}{reached[name] * flops / peak:>8.0%}"
        rows.append(row)
    return "\n".join(rows)


def _measured(file: Path | None) -> dict[str, float]:
    """Images a second by architecture."""
    if file is None:
        return {}
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_text())["rows"]
        return {row["architecture"]: float(row["median"]["convoy"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"--measured {file}: not a file of benchmarks.throughput --json ({error!r})"
        ) from error


def flops_per_image(case: Case) -> float:
    """Floating-point operations of a training step, forward and backward, an image.

    A multiplication and an addition count as two. Convolutions and matrix products are counted.
    """
    dataset = case.dataset
    model = network(Setting(case.architecture, case.parameters, case.recipe, 1, 0), dataset)
    images = torch.randn(BATCH, 3, dataset.image_size, dataset.image_size)
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    return float(counter.get_total_flops()) / BATCH


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix product, the best of several."""
    one, other = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    times = []
    for _ in range(PRODUCTS):
        start = _clock(device)
        one @ other
        times.append(_clock(device) - start)
    return 2.0 * SIDE**3 / min(times)


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main())

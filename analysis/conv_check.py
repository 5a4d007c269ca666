"""``python -m analysis.conv_check``: compare the numpy convolution with torch's."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch.nn import functional as F

from analysis.numpy_conv import Array, Conv2d
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, UNNAMED, DataSpec, load, resolve
from trainables.shapes import sides

Floats = NDArray[np.float64]
TOLERANCE = 1e-12
REPEATS = 15
MAX_BYTES = 1 << 30  # bytes of one array
# The default and the lowest value of each flag that is a number.
COUNTS = {
    "images": (64, 1),
    "filters": (16, 1),
    "kernel": (5, 1),
    "stride": (1, 1),
    "padding": (2, 0),
}
_MEANINGS = {
    "images": "number of images",
    "filters": "number of filters",
    "kernel": "side of each filter in pixels",
    "stride": "pixels between windows",
    "padding": "zeros on each side of an image",
}
MAX_COUNT = 4096


@dataclass(frozen=True)
class Check:
    """How numpy's convolution compares with torch's.

    Attributes:
        differences: relative differences of the output and the gradients, in float64: the norm of
            numpy's minus torch's, divided by the norm of torch's.
        seconds: median times by pass and library, in float32.
    """

    differences: dict[str, float]
    seconds: dict[str, dict[str, float]]


@command
def main(argv: list[str] | None = None) -> int:
    """Run ``argv``; return 0, 1 if a difference is above 1e-12, or 2 if a flag is wrong."""
    arguments = command_line().parse_args(argv)
    filters, kernel = arguments.filters, arguments.kernel
    stride, padding = arguments.stride, arguments.padding
    for name, (_, low) in COUNTS.items():
        if not low <= (count := getattr(arguments, name)) <= MAX_COUNT:
            raise UsageError(f"--{name} must be between {low} and {MAX_COUNT}, not {count}")
    images = _images(arguments)
    _check_size(images, arguments)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        result = check(images, filters, kernel, stride, padding)
    shape = "x".join(str(size) for size in images.shape)
    print(
        f"{shape} images, {filters} filters of {kernel}x{kernel}, stride {stride}, "
        f"padding {padding}"
    )
    _print(result)
    return 0 if max(result.differences.values()) <= TOLERANCE else 1


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m analysis.conv_check",
        description="Compare the numpy convolution with torch's on real images.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", metavar="PATH", help=f"data folder, or {EMBEDDED} (default: {UNNAMED})"
    )
    for name, (default, _) in COUNTS.items():
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="N",
            help=f"{_MEANINGS[name]} (default: {default})",
        )
    return parser


def _check_size(images: Floats, arguments: argparse.Namespace) -> None:
    """Refuse images whose windows, which are all copied, would not fit into memory."""
    _, channels, *pixels = images.shape
    kernel, padding = arguments.kernel, arguments.padding
    down, across = sides("conv_check", (pixels[0], pixels[1]), kernel, arguments.stride, padding)
    size = 8 * len(images) * down * across * max(channels * kernel**2, arguments.filters)
    if size > MAX_BYTES:
        raise UsageError(
            f"the windows of these images take {size / 2**30:.1f} GiB, more than "
            f"{MAX_BYTES >> 30}; ask for fewer --images or --filters, or a smaller --padding or "
            "--kernel"
        )


def _images(arguments: argparse.Namespace) -> Floats:
    """Normalised training images, (N, C, H, W)."""
    dataset = load(DataSpec("cifar10"), resolve(arguments.data))
    pixels = dataset.train.images[: arguments.images].transpose(0, 3, 1, 2) / 255
    mean, std = (np.array(figure)[:, None, None] for figure in (dataset.mean, dataset.std))
    return np.ascontiguousarray((pixels - mean) / std)


def check(images: Floats, filters: int, kernel: int, stride: int, padding: int) -> Check:
    """Compare on ``images``, with weights and a target drawn from a fixed seed.

    The loss is the mean squared difference of the output from the target, as in the source.
    """
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(filters, images.shape[1], kernel, kernel)) / kernel
    ours = Conv2d(weight, stride, padding)
    output = ours.forward(images)
    target = rng.normal(size=output.shape)
    by_images = ours.backward(2 * (output - target) / output.size)
    assert ours.dLdW is not None
    theirs = _torch_passes(images, weight, target, stride, padding)
    mine = {"output": output, "dL/dW": ours.dLdW, "dL/dX": by_images}
    differences = {name: _relative(mine[name], theirs[name]) for name in mine}
    return Check(differences, _times(images, weight, target, stride, padding))


def _torch_passes(
    images: Floats, weight: Floats, target: Floats, stride: int, padding: int
) -> dict[str, Floats]:
    inputs, weights = (torch.tensor(array, requires_grad=True) for array in (images, weight))
    output = F.conv2d(inputs, weights, stride=stride, padding=padding)
    loss = F.mse_loss(output, torch.tensor(target))
    by_weights, by_inputs = torch.autograd.grad(loss, (weights, inputs))
    passes = {"output": output.detach(), "dL/dW": by_weights, "dL/dX": by_inputs}
    return {name: value.numpy() for name, value in passes.items()}


def _relative(mine: Array, theirs: Array) -> float:
    return float(np.linalg.norm(mine - theirs) / np.linalg.norm(theirs))


def _times(
    images: Floats, weight: Floats, target: Floats, stride: int, padding: int
) -> dict[str, dict[str, float]]:
    """Medians of interleaved repetitions after a warm-up."""
    small, gradient = images.astype(np.float32), target.astype(np.float32)
    ours = Conv2d(weight.astype(np.float32), stride, padding)
    ours.forward(small)
    inputs, weights = (torch.tensor(a, requires_grad=True) for a in (small, ours.weight))
    convolve = partial(F.conv2d, inputs, weights, stride=stride, padding=padding)
    output, torch_gradient = convolve(), torch.tensor(gradient)
    passes: dict[str, dict[str, Callable[[], object]]] = {
        "forward": {"numpy": lambda: ours.forward(small), "torch": convolve},
        "backward": {
            "numpy": lambda: ours.backward(gradient),
            "torch": lambda: output.backward(  # type: ignore[no-untyped-call]
                torch_gradient, retain_graph=True
            ),
        },
    }
    return {name: _medians(pair) for name, pair in passes.items()}


def _medians(pair: dict[str, Callable[[], object]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in pair}
    for repeat in range(REPEATS + 2):
        for name, run in pair.items():
            start = time.perf_counter()
            run()
            if repeat >= 2:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def _print(result: Check) -> None:
    print("relative difference to torch, float64")
    for name, difference in result.differences.items():
        mark = "" if difference <= TOLERANCE else f"   above {TOLERANCE:g}"
        print(f"  {name:<8} {difference:.2e}{mark}")
    print(f"median time of {REPEATS}, float32, one thread each")
    for name, times in result.seconds.items():
        ours, theirs = times["numpy"], times["torch"]
        print(
            f"  {name:<8} numpy {1000 * ours:8.3f} ms   torch {1000 * theirs:8.3f} ms   "
            f"ratio {ours / theirs:.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())

"""``python -m benchmarks.throughput``: images per second of training, Convoy and the tutorial.

Both train the same function on the same images with the same batch size, optimizer, augmentation
and threads, in one process, in alternating blocks. The first round of blocks warms up and is not
counted. Only ``trainables`` is imported, so that it runs wherever torch does.

``--floor`` also shows the limit by the machine's matrix products: the rate of a large product in
the training's number format, divided by the floating-point operations of a step per image. Memory
traffic is not counted. ``--profile`` shows the operators of a step.
"""

import argparse
import os
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accuracy import compare
from benchmarks.command import add_machine_flags, measured, parser_of
from benchmarks.ways import Case, clock, convoy_epochs, ways
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load, resolve
from trainables.device import training_dtype
from trainables.recipe import Recipe, Setting, Value
from trainables.training import network

COMPOSITE = {"gap5"}  # architectures that train on composite images; the others use CIFAR-10
# Parameters that the README advises without a GPU: full widths take seconds per step.
ON_CPU: dict[str, dict[str, Value]] = {
    "alexnet": {"width": 0.25, "dense": 512},
    "gap5": {"pool_stride": 2},
    "gap6": {"width": 0.25},
    "resnet18": {"width": 0.25},
}
WORKERS = (0, 2)
EPOCH = 50_000  # images; the usual epoch of CIFAR-10
PROFILED = ("conv3", "gap5")
RECIPE = Recipe(optimizer="adamw", lr=1e-3, schedule="constant", batch_size=128, flip=True)
STEPS, SHOWN = 20, 15  # of a profile: steps, and operators that are printed
SIDE, PRODUCTS, BATCH = 2048, 9, 8  # of the floor: matrices, their products, images
CROP = 4  # pixels of padding, on CIFAR-10


@dataclass(frozen=True)
class ThroughputRow:
    """An architecture's measurements.

    Attributes:
        architecture: its name.
        parameters: its parameters that differ from the defaults.
        data: name of the set.
        image_size: size of an image in pixels.
        rates: images per second of every block, by way.
    """

    architecture: str
    parameters: dict[str, Value]
    data: str
    image_size: int
    rates: dict[str, list[float]]

    def median(self, way: str) -> float:
        """Images per second of the median block."""
        return statistics.median(self.rates[way])

    def ratio(self, way: str) -> float:
        """Convoy's median divided by the median of ``way``."""
        return self.median("convoy") / self.median(way)

    def as_dict(self) -> dict[str, Any]:
        """The row and its statistics, as JSON values."""
        return {
            **asdict(self),
            "median": {way: self.median(way) for way in self.rates},
            "ratio": {way: self.ratio(way) for way in self.rates if way != "convoy"},
            "epoch_seconds": {way: EPOCH / self.median(way) for way in self.rates},
        }


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag or file is wrong."""
    parser = parser_of("benchmarks.throughput", __doc__)
    add_machine_flags(parser)
    parser.add_argument(
        "--architecture", nargs="+", metavar="NAME", help="architectures (default: all)"
    )
    parser.add_argument(
        "--blocks", type=int, default=5, metavar="N", help="timed blocks (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=1.5, metavar="S", help="seconds per block")
    parser.add_argument("--full", action="store_true", help="use full widths on the CPU too")
    parser.add_argument("--floor", action="store_true", help="also compare with matrix products")
    parser.add_argument("--profile", action="store_true", help="show operators by time instead")
    parser.add_argument("--accuracy", action="store_true", help="compare conv3's accuracy instead")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds of --accuracy")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="epochs of --accuracy")
    parser.add_argument(
        "--train-limit", type=int, default=10_000, metavar="N", help="images of --accuracy"
    )
    minima = {"blocks": 1, "threads": 1, "seeds": 2, "epochs": 1, "train_limit": 1}
    return measured(parser, _measure, argv, minima)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure what the flags ask for, and print results as they come."""
    if not arguments.seconds > 0:
        raise UsageError(f"--seconds must be above 0, not {arguments.seconds}")
    for name in arguments.architecture or ():
        architectures.builder(name)
    if arguments.accuracy:
        return {"accuracy": _accuracy(arguments)}
    if arguments.profile:
        return {"profile": _profile(arguments)}
    rows = _rows(arguments)
    floor = _floor(arguments, rows) if arguments.floor else {}
    return {"rows": [row.as_dict() for row in rows], **floor}


def case_of(name: str, source: str, device: torch.device, *, full: bool = False) -> Case:
    """The case that measures architecture ``name``.

    Args:
        name: name of the architecture.
        source: ``embedded`` or a data folder.
        device: the device to compute on.
        full: whether to use its defaults on a CPU too, instead of the advised parameters.
    """
    composite = name in COMPOSITE
    dataset = load(DataSpec("composite" if composite else "cifar10"), source)
    recipe = RECIPE if composite else replace(RECIPE, crop_padding=CROP)
    smaller = device.type == "cpu" and not full
    return Case(name, ON_CPU.get(name, {}) if smaller else {}, dataset, source, recipe, device)


def measure(case: Case, blocks: int, seconds: float) -> ThroughputRow:
    """Time the blocks of all ways in turn: Convoy, the tutorials, Convoy, ..."""
    with ways(case, WORKERS, seconds) as timed:
        rounds = [
            {name: way.rate(seconds) for name, way in timed.items()} for _ in range(blocks + 1)
        ]
    rates = {name: [each[name] for each in rounds[1:]] for name in rounds[0]}
    return ThroughputRow(
        case.architecture, case.parameters, case.dataset.name, case.dataset.image_shape[0], rates
    )


def _cases(arguments: argparse.Namespace, names: list[str]) -> list[Case]:
    source = resolve(arguments.data)
    return [case_of(name, source, arguments.device, full=arguments.full) for name in names]


def _rows(arguments: argparse.Namespace) -> list[ThroughputRow]:
    print("images a second of training: median (lowest-highest) of the blocks, ratios of medians")
    print(
        f"{'':32}{'Convoy':>22}{'tutorial, 0 workers':>22}{'tutorial, 2 workers':>22}{'ratios':>14}"
    )
    rows = []
    for case in _cases(arguments, arguments.architecture or architectures.available()):
        rows.append(measure(case, arguments.blocks, arguments.seconds))
        print(line(rows[-1], epoch=arguments.device.type == "cuda"), flush=True)
    return rows


def line(row: ThroughputRow, *, epoch: bool) -> str:
    """The printed form of a row; with ``epoch``, the time of 50,000 images below it."""
    named = " ".join([row.architecture, *(f"{k}={v}" for k, v in row.parameters.items())])
    cells = [
        f"{row.median(way):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})"
        for way, rates in row.rates.items()
    ]
    ratios = "  ".join(f"{row.ratio(way):.2f}x" for way in row.rates if way != "convoy")
    text = f"{named:32}{''.join(f'{cell:>22}' for cell in cells)}{ratios:>14}"
    if epoch:
        times = [f"{EPOCH / row.median(way):,.2f} s" for way in row.rates]
        text += f"\n{f'  an epoch of {EPOCH:,} images':32}{''.join(f'{t:>22}' for t in times)}"
    return text


def _accuracy(arguments: argparse.Namespace) -> dict[str, Any]:
    case = case_of("conv3", resolve(arguments.data), arguments.device)
    comparison = compare(case, arguments.epochs, arguments.train_limit, arguments.seeds)
    print(comparison.described())
    return comparison.as_dict()


def _profile(arguments: argparse.Namespace) -> dict[str, Any]:
    profiles = {}
    for case in _cases(arguments, arguments.architecture or list(PROFILED)):
        operators = profile(case)
        whole = sum(each["milliseconds"] for each in operators)
        print(f"{case.architecture}: {whole:.1f} ms a step of {case.recipe.batch_size} images")
        for each in operators[:SHOWN]:
            cells = "{calls:8.1f} calls{milliseconds:9.2f} ms{share:8.1%}".format_map(each)
            print(f"  {each['name'][:48]:48}{cells}", flush=True)
        profiles[case.architecture] = operators
    return profiles


def profile(case: Case) -> list[dict[str, Any]]:
    """All operators of Convoy's steps, the slowest first; on a GPU by the GPU's time.

    Calls and milliseconds are per step and exclude called operators. The profiler makes small
    operators look slower than they are.
    """
    epochs = convoy_epochs(case, STEPS * case.recipe.batch_size)
    next(epochs)
    cuda = case.device.type == "cuda"
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # its notes on a machine without a GPU
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with torch_profile(activities=activities) as profiled:
        next(epochs)
    spent = "self_device_time_total" if cuda else "self_cpu_time_total"
    events = [(event, float(getattr(event, spent))) for event in profiled.key_averages()]
    whole = sum(microseconds for _, microseconds in events)
    return [
        {
            "name": event.key,
            "calls": event.count / STEPS,
            "milliseconds": us / 1000 / STEPS,
            "share": us / whole,
        }
        for event, us in sorted(events, key=lambda pair: pair[1], reverse=True)
    ]


def _floor(arguments: argparse.Namespace, rows: list[ThroughputRow]) -> dict[str, Any]:
    """Print the machine's limit for each of ``rows``."""
    peak = matrix_rate(arguments.device)
    print(f"\na product of {SIDE}x{SIDE} matrices: {peak / 1e9:,.0f} GFLOP/s")
    print(f"{'':16}{'MFLOP an image':>16}{'images/s, limit':>18}{'reached':>10}{'share':>8}")
    cases, operations = _cases(arguments, [row.architecture for row in rows]), {}
    for case, row in zip(cases, rows, strict=True):
        operations[row.architecture] = flops = flops_per_image(case)
        reached = row.median("convoy")
        cells = f"{flops / 1e6:>16,.1f}{peak / flops:>18,.0f}{reached:>10,.0f}"
        print(f"{row.architecture:16}{cells}{reached * flops / peak:>8.0%}")
    return {"peak": peak, "flops_per_image": operations}


def flops_per_image(case: Case) -> float:
    """Floating-point operations of a training step, both passes, per image.

    A multiplication and an addition count as two. Only convolutions and matrix products count.
    """
    dataset = case.dataset
    model = network(Setting(case.architecture, case.parameters, case.recipe, 1, 0), dataset)
    height, width, channels = dataset.image_shape
    images = torch.randn(BATCH, channels, height, width)
    with FlopCounterMode(display=False) as counter:
        model(images).sum().backward()
    return float(counter.get_total_flops()) / BATCH


def matrix_rate(device: torch.device) -> float:
    """Floating-point operations per second of a large matrix product, the best of several."""
    dtype = training_dtype(device)
    one, other = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    times = []
    for _ in range(PRODUCTS):
        start = clock(device)
        one @ other
        times.append(clock(device) - start)
    return 2.0 * SIDE**3 / min(times)


if __name__ == "__main__":
    sys.exit(main())

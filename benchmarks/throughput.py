"""``python -m benchmarks.throughput``: images a second of training, Convoy against the tutorial.

Both train the same function on the same images with the same batch size, optimizer, augmentation
and threads, in one process, block by block in turn. A block's first round warms up and is not
counted. Nothing beyond ``trainables`` is imported, so that it runs wherever torch does.
"""

import argparse
import os
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from benchmarks.machine import circumstances, described
from benchmarks.results import result_file, write
from benchmarks.ways import Case, ways
from trainables import architectures
from trainables.arguments import Arguments
from trainables.boundary.door import command
from trainables.data import DataSpec, load, resolve
from trainables.device import use_threads
from trainables.errors import UsageError
from trainables.recipe import Recipe, Value

COMPOSITE = {"gap5"}  # which train on composite images; the others on CIFAR-10
# What the README advises without a GPU: full widths take seconds a step there.
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
CROP = 4  # pixels of padding, on CIFAR-10


@dataclass(frozen=True)
class Row:
    """An architecture's measurements.

    Attributes:
        architecture: its name.
        parameters: those that differ from its defaults.
        data: name of the set.
        image_size: in pixels.
        rates: images a second of every block, by way.
    """

    architecture: str
    parameters: dict[str, Value]
    data: str
    image_size: int
    rates: dict[str, list[float]]

    def median(self, way: str) -> float:
        """Images a second of the median block."""
        return statistics.median(self.rates[way])

    def ratio(self, way: str) -> float:
        """Convoy's median over that of ``way``."""
        return self.median("convoy") / self.median(way)

    def as_dict(self) -> dict[str, Any]:
        """The row with what follows from it, as JSON values."""
        return {
            **asdict(self),
            "median": {way: self.median(way) for way in self.rates},
            "ratio": {way: self.ratio(way) for way in self.rates if way != "convoy"},
            "epoch_seconds": {way: EPOCH / self.median(way) for way in self.rates},
        }


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag or file is wrong."""
    given = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(given)
    file = result_file(arguments.json)
    write(_measure(arguments, given), file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m benchmarks.throughput",
        description="Images a second of training: Convoy against the tutorial's way.",
    )
    parser.add_argument("--architecture", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument(
        "--data", metavar="PATH", help="folder, or embedded (default: $CONVOY_DATA, else ./data)"
    )
    parser.add_argument("--blocks", type=int, default=5, metavar="N", help="timed (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.5, metavar="S", help="of a block")
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--full", action="store_true", help="the full width on the CPU too")
    parser.add_argument("--accuracy", action="store_true", help="compare conv3's accuracy instead")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of --accuracy")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of --accuracy")
    parser.add_argument("--train-limit", type=int, default=10_000, metavar="N", help="likewise")
    parser.add_argument(
        "--profile", action="store_true", help="show Convoy's operators by their time instead"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    return parser


def _measure(arguments: argparse.Namespace, argv: list[str]) -> dict[str, Any]:
    """What was asked for, printed as it comes."""
    _check(arguments)
    use_threads(arguments.threads or len(os.sched_getaffinity(0)))
    device = torch.device(arguments.device)
    found = circumstances("benchmarks.throughput", argv, device)
    print(described(found), f"threads {torch.get_num_threads()}\n", sep="\n", flush=True)
    if arguments.accuracy:
        return {**found, "accuracy": _accuracy(arguments)}
    if arguments.profile:
        return {**found, "profile": _profile(arguments)}
    return {**found, "rows": [row.as_dict() for row in _rows(arguments)]}


def _check(arguments: argparse.Namespace) -> None:
    for name in arguments.architecture or ():
        architectures.builder(name)
    for flag, low in {"blocks": 1, "threads": 1, "seeds": 2, "epochs": 1}.items():
        if (value := getattr(arguments, flag)) is not None and value < low:
            raise UsageError(f"--{flag} must be {low} or more, not {value}")
    if not arguments.seconds > 0:
        raise UsageError(f"--seconds must be above 0, not {arguments.seconds}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU here")


def case_of(name: str, source: str, device: torch.device, *, full: bool = False) -> Case:
    """What is trained to measure architecture ``name``.

    Args:
        name: of the architecture.
        source: ``embedded`` or a data folder.
        device: where to compute.
        full: its defaults on a CPU too, instead of the parameters advised there.
    """
    composite = name in COMPOSITE
    dataset = load(DataSpec("composite" if composite else "cifar10"), source)
    recipe = RECIPE if composite else replace(RECIPE, crop_padding=CROP)
    smaller = device.type == "cpu" and not full
    return Case(name, ON_CPU.get(name, {}) if smaller else {}, dataset, source, recipe, device)


def measure(case: Case, blocks: int, seconds: float) -> Row:
    """Every way's blocks in turn: Convoy, the tutorials, Convoy, ..."""
    with ways(case, WORKERS, seconds) as timed:
        rounds = [
            {name: way.rate(seconds) for name, way in timed.items()} for _ in range(blocks + 1)
        ]
    rates = {name: [each[name] for each in rounds[1:]] for name in rounds[0]}
    return Row(
        case.architecture, case.parameters, case.dataset.name, case.dataset.image_size, rates
    )


def _cases(arguments: argparse.Namespace, names: list[str]) -> list[Case]:
    source, device = resolve(arguments.data), torch.device(arguments.device)
    return [case_of(name, source, device, full=arguments.full) for name in names]


def _rows(arguments: argparse.Namespace) -> list[Row]:
    print("images a second of training: median (least-most) of the blocks; ratios of the medians")
    print(
        f"{'':32}{'Convoy':>22}{'tutorial, 0 workers':>22}{'tutorial, 2 workers':>22}{'ratios':>14}"
    )
    rows = []
    for case in _cases(arguments, arguments.architecture or architectures.available()):
        rows.append(measure(case, arguments.blocks, arguments.seconds))
        print(line(rows[-1], epoch=arguments.device == "cuda"), flush=True)
    return rows


def line(row: Row, *, epoch: bool) -> str:
    """The row as it is printed; with ``epoch`` the time of 50,000 images below it."""
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


def _profile(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.profiling import profile, table

    found = {}
    for case in _cases(arguments, arguments.architecture or list(PROFILED)):
        operators = profile(case)
        found[case.architecture] = [asdict(operator) for operator in operators]
        print(table(case, operators), flush=True)
    return found


def _accuracy(arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.accuracy import Budget, compare

    case = case_of("conv3", resolve(arguments.data), torch.device(arguments.device))
    budget = Budget(arguments.epochs, arguments.train_limit, arguments.seeds)
    comparison = compare(case, budget)
    print(comparison.described())
    return comparison.as_dict()


if __name__ == "__main__":
    sys.exit(main())

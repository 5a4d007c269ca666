"""``python -m benchmarks.packs``: images a second of one training alone and of packs of several.

All members train the same setting with seeds of their own, in turns, in one process. On a GPU their
steps may overlap; on a CPU a pack gains nothing, and this shows what the turns cost. Nothing beyond
``trainables`` is imported, so that it runs wherever torch does.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace

import torch

from benchmarks.machine import circumstances, described
from benchmarks.results import result_file, write
from benchmarks.throughput import case_of
from benchmarks.ways import Case
from trainables import architectures
from trainables.arguments import Arguments
from trainables.boundary.door import command
from trainables.data import resolve
from trainables.errors import UsageError
from trainables.pack import Member
from trainables.recipe import Setting
from trainables.training import TrainingData, steps

_FOREVER = 10**6  # epochs


@command
def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; the exit status: 0, or 2 where a flag is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(argv)
    case, file = _case(arguments), result_file(arguments.json)
    found = circumstances("benchmarks.packs", argv, case.device)
    print(f"{described(found)}\n\n{case.architecture}, batches of {case.recipe.batch_size}")
    rates = measure(case, arguments.members, arguments.blocks, arguments.seconds)
    print(table(rates))
    write({**found, "rates": rates}, file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.packs", description=__doc__)
    parser.add_argument("--architecture", default="conv3", metavar="NAME", help="default: conv3")
    parser.add_argument("--members", type=int, nargs="+", default=[1, 2, 4, 8], metavar="N")
    parser.add_argument("--data", metavar="PATH", help="folder, or embedded")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--batch-size", type=int, default=128, metavar="N")
    parser.add_argument("--blocks", type=int, default=3, metavar="N", help="timed, of each size")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="of a block")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    return parser


def _case(arguments: argparse.Namespace) -> Case:
    if min(arguments.members) < 1:
        raise UsageError(f"--members must be 1 or more, not {min(arguments.members)}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU here")
    architectures.builder(arguments.architecture)
    device = torch.device(arguments.device)
    case = case_of(arguments.architecture, resolve(arguments.data), device)
    return replace(case, recipe=replace(case.recipe, batch_size=arguments.batch_size))


def measure(case: Case, members: list[int], blocks: int, seconds: float) -> dict[int, list[float]]:
    """Images a second of every block, by members; the sizes take turns."""
    data = TrainingData.of(case.dataset.limited(len(case.dataset.train), 1), case.device)
    packs = {count: [_member(case, data, seed) for seed in range(count)] for count in members}
    for pack in packs.values():
        _rate(case, pack, 0.0)  # warms up
    rounds = [
        {count: _rate(case, pack, seconds) for count, pack in packs.items()} for _ in range(blocks)
    ]
    return {count: [each[count] for each in rounds] for count in packs}


def _member(case: Case, data: TrainingData, seed: int) -> Member:
    setting = Setting(case.architecture, case.parameters, case.recipe, _FOREVER, seed)
    return Member(steps(setting, data), case.device)


def _rate(case: Case, pack: list[Member], seconds: float) -> float:
    """Whole rounds of steps for ``seconds`` or a little longer, three at the least."""
    start, rounds = _clock(case.device), 0
    while rounds < 3 or time.perf_counter() - start < seconds:
        for member in pack:
            while member.advance() is not None:  # an epoch's end is not a step
                pass
        rounds += 1
    return rounds * len(pack) * case.recipe.batch_size / (_clock(case.device) - start)


def _clock(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def table(rates: dict[int, list[float]]) -> str:
    """A line a size: median, least and most images a second, and the ratio to the first."""
    first = statistics.median(next(iter(rates.values())))
    rows = [f"{'members':>8}{'images/s: median (least-most)':>36}{'ratio':>8}"]
    for count, found in rates.items():
        middle = statistics.median(found)
        cell = f"{middle:,.0f} ({min(found):,.0f}-{max(found):,.0f})"
        rows.append(f"{count:>8}{cell:>36}{middle / first:>7.2f}x")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())

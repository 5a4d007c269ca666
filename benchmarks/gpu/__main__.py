"""``python -m benchmarks.gpu``: the speed of training on a GPU, compared with its goals.

The parts run one after the other. Each figure is a JSON line, and a table of the goals ends them. A
part that fails gives a line with its error; one that would exceed the budget is left out. ``--dry``
runs everything at its smallest on the CPU, without graphs, to check this command.
"""

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.command import bare_parser, circumstances, output_file
from benchmarks.gpu import images, packs, training
from benchmarks.gpu.bench import NETWORKS, Bench, Line, Lines
from benchmarks.gpu.ceilings import ceilings
from benchmarks.gpu.goals import table
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.data import resolve
from trainables.device import exact_float32, use_threads
from trainables.pack import use_all_queues

FRAMES = 4  # of an error


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    Attributes:
        name: name in its lines.
        seconds: estimated time on a GPU.
        measure: returns the lines.
    """

    name: str
    seconds: float
    measure: Callable[[Bench], Lines]


PARTS = (
    Part("ceilings", 15, ceilings),
    *(Part("steps", 25, partial(training.steps, name=name)) for name in NETWORKS),
    Part("exactness", 25, training.exactness),
    Part("packs", 45, partial(packs.packs, name="conv3", batch=128)),
    Part("packs", 60, partial(packs.packs, name="conv3", batch=20)),
    Part("packs", 45, partial(packs.packs, name="gap5", batch=128)),
    Part("pack exactness", 20, packs.members_alone),
    Part("channels", 30, training.channels),
    Part("unrolled", 10, training.unrolled),
    Part("AutoAugment", 10, images.augmentation),
    *(Part("evaluation", 8, partial(images.evaluation, name=name)) for name in NETWORKS),
    Part("grouped", 25, packs.grouped),
    *(Part("compiled", 45, partial(training.compiled, name=n)) for n in ("conv3", "gap5", "gap6")),
)


def run(
    parts: tuple[Part, ...], bench: Bench, budget: float, say: Callable[[Line], None]
) -> list[Line]:
    """The lines of all parts, each passed to ``say`` when it is ready."""
    start, lines = time.perf_counter(), list[Line]()

    def note(part: Part, line: Line) -> None:
        at = round(time.perf_counter() - start, 1)
        lines.append({"part": part.name, "at": at, **line})
        say(lines[-1])

    for part in parts:
        left = budget - (time.perf_counter() - start)
        if part.seconds > left:
            note(part, {"skipped": f"takes some {part.seconds:g} s, {left:.0f} are left"})
            continue
        try:
            for line in part.measure(bench):
                note(part, line)
        except Exception as error:
            note(part, _failure(error))
        _tidy(bench.device)
    return lines


def _failure(error: Exception) -> Line:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    return {"error": f"{type(error).__name__}: {error}"[:400], "where": where}


def _tidy(device: torch.device) -> None:
    """Free the memory of a part; after an error of the GPU this is impossible."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):
            torch.cuda.synchronize(device)
            torch.cuda.empty_cache()


def rounded(line: Line) -> Line:
    """``line`` with figures rounded to four digits, for printing."""

    def short(value: object) -> object:
        if isinstance(value, dict):
            return {key: short(each) for key, each in value.items()}
        return float(f"{value:.4g}") if isinstance(value, float) else value

    return {key: short(value) for key, value in line.items()}


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = bare_parser("benchmarks.gpu", __doc__)
    parser.add_argument("--data", metavar="PATH", help="CIFAR-10's folder (default: random images)")
    parser.add_argument(
        "--budget",
        type=float,
        default=540,
        metavar="SECONDS",
        help="time limit in seconds (default: %(default)g)",
    )
    parser.add_argument("--dry", action="store_true", help="check with a tiny run on the CPU")
    default = str(Path(os.environ.get("OUT", ".")) / "gpu.jsonl")
    parser.add_argument(
        "--out",
        default=default,
        metavar="FILE",
        help="file to write (default: gpu.jsonl, in $OUT or .)",
    )
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    path = output_file(arguments.out, "--out")
    if not arguments.dry and not torch.cuda.is_available():
        raise UsageError("torch finds no GPU here; --dry checks the command on the CPU")
    use_all_queues()
    exact_float32()
    if arguments.dry:
        use_threads(1)
    source = None if arguments.data is None else resolve(arguments.data)
    bench = Bench.of(source, arguments.dry)
    assert path is not None
    with path.open("w", encoding="utf-8") as file:

        def say(line: Line) -> None:
            print(json.dumps(rounded(line)), flush=True)
            print(json.dumps(line), file=file, flush=True)

        say({"part": "machine", **circumstances(parser.prog, argv, bench.device)})
        lines = run(PARTS, bench, arguments.budget, say)
    print(f"\n{table(lines, dry=arguments.dry)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

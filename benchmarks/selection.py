"""``python -m benchmarks.selection``: how often each way of choosing finds what is truly best.

Simulated searches replay recorded trainings (``benchmarks.selection_curves``) of thirty settings of
three architectures. Each search draws as many settings of each as the embedded budget has trials,
an order, and a recorded seed of each setting; Convoy's own scheduler stops some. All ways of
choosing see the same searches. What they choose is compared with what is truly best of what was
tried: the setting with the highest mean accuracy, over all its seeds, on unbiased images that no
search sees. All that is done twice: searches see the validation split, and the test split is the
truth, then the other way round, as a thousand images tell close settings apart only by chance.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.machine import circumstances, described
from benchmarks.results import result_file, write
from search import environment
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

if TYPE_CHECKING:
    from benchmarks.verdict import Verdict

SPACE = "gap5"  # whose embedded budget every search has
RESAMPLES = 500
NAMES = {"val": "validation", "test": "test"}  # of the splits
DPI = 120


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        arguments = _parser().parse_args(argv)
        _check(arguments)
        file, figure = result_file(arguments.json), _figure_file(arguments.figure)
        found = circumstances("benchmarks.selection", argv, torch.device("cpu"))
        print(described(found), flush=True)
        verdicts = _verdicts(arguments)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.resamples} searches, seed {arguments.seed}; ± is the 95% interval over them")
    for split, verdict in verdicts.items():
        print(f"\nSearches see the {NAMES[split]} split.\n\n{verdict.described()}")
    write({**found, **{split: asdict(verdict) for split, verdict in verdicts.items()}}, file)
    if figure is not None:
        from benchmarks.selection_figure import draw

        draw(verdicts).savefig(figure, dpi=DPI)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.selection", description=__doc__)
    parser.add_argument(
        "--resamples", type=int, default=RESAMPLES, metavar="N", help=f"searches ({RESAMPLES})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all draws (0)")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    parser.add_argument("--figure", metavar="FILE", help="draw what each choice changes, as PNG")
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if arguments.resamples < 2:
        raise UsageError(f"--resamples must be 2 or more, not {arguments.resamples}")
    if arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {arguments.seed}")


def _figure_file(given: str | None) -> Path | None:
    """Checked before the searches are simulated."""
    if given is None:
        return None
    path = user_path(given, "--figure")
    if path.suffix != ".png":
        raise UsageError(f"--figure {given}: name a file that ends in .png")
    if not path.parent.is_dir():
        raise UsageError(f"--figure {given}: the folder {path.parent} is not there; make it first")
    return path


def _verdicts(arguments: argparse.Namespace) -> "dict[str, Verdict]":
    """By the split that searches see."""
    environment.prepare(loopback=True)  # before Ray's scheduler is imported
    from benchmarks.candidates import read_candidates
    from benchmarks.selection_curves import read_curves
    from benchmarks.trainings import SPLITS, Trainings
    from benchmarks.verdict import Verdict
    from search.space import SPACES, read_space

    candidates, curves = read_candidates(), read_curves()
    budget = read_space(SPACES / f"{SPACE}.yaml").embedded.budget
    return {
        seen: Verdict.of(
            Trainings.of(candidates, curves, seen), budget, arguments.resamples, arguments.seed
        )
        for seen in SPLITS
    }


if __name__ == "__main__":
    sys.exit(main())

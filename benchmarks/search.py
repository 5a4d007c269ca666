"""``python -m benchmarks.search``: compare a whole search by Convoy with a plain Ray Tune search.

Both run one after the other, each in its own process, over ``benchmarks/search.yaml`` with the same
numbers of trials, epochs and images, one trial per core and one thread per trial. All figures come
from the timestamps of their MLflow records and from the start and the end of their processes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.command import measured, parser_of
from benchmarks.timeline import SIDES, Pair, Timeline, read_timeline, table
from search.records.tracking import default_uri
from search.space.budget import Budget
from search.space.reader import read_space
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.data import Dataset, load, resolve
from trainables.data.batches import images_per_epoch

ROOT = Path(__file__).resolve().parents[1]
SPACE = Path(__file__).with_name("search.yaml")
TRAIN_LIMIT = 8_000
# A search whose trials all ended, and one in which some failed.
_ENDED = (0, 3)


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag or file is wrong."""
    parser = parser_of("benchmarks.search", __doc__)
    parser.add_argument(
        "--data", metavar="PATH", help="folder, or embedded (default: $CONVOY_DATA, else ./data)"
    )
    parser.add_argument(
        "--trials", type=int, metavar="N", help="trials of each search (default: search.yaml's)"
    )
    parser.add_argument(
        "--convoy-trials",
        type=int,
        metavar="N",
        help="trials of Convoy, to use the time that it saves (default: as --trials)",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="maximum epochs of a trial (default: search.yaml's)"
    )
    parser.add_argument(
        "--train-limit", type=int, metavar="N", help=f"training images (default: {TRAIN_LIMIT})"
    )
    parser.add_argument(
        "--val-limit", type=int, metavar="N", help="validation images (default: all)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the first repeat")
    parser.add_argument(
        "--repeats",
        type=int,
        default=1,
        metavar="N",
        help="repeats, with other seeds and in alternating order (default: %(default)s)",
    )
    parser.add_argument("--out", metavar="DIR", help="keep both searches' files in this folder")
    minima = {"trials": 1, "convoy_trials": 1, "epochs": 1, "repeats": 1, "seed": 0}
    return measured(parser, _measure, argv, minima)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    plan, seeds = _plan(arguments), range(arguments.seed, arguments.seed + arguments.repeats)
    print(plan.described(), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        out = user_path(arguments.out or scratch, "--out")
        folders = {seed: out / f"seed-{seed}" for seed in seeds}
        for folder in folders.values():
            if folder.exists():
                raise UsageError(f"--out: {folder} exists already; name another folder")
        pairs = [
            plan.pair(seed, folder, SIDES[::-1] if number % 2 else SIDES)
            for number, (seed, folder) in enumerate(folders.items())
        ]
    return {"plan": plan.as_dict(), "pairs": [pair.as_dict() for pair in pairs]}


@dataclass(frozen=True)
class ComparisonPlan:
    """The task of both sides.

    Attributes:
        source: ``embedded`` or an absolute data folder.
        dataset: the limited data; loading it has filled the cache, so neither side pays for it.
        budget: trials, epochs and ASHA's rungs.
        convoy_trials: trials of Convoy; the budget's, unless the user asks for more.
    """

    source: str
    dataset: Dataset
    budget: Budget
    convoy_trials: int

    def pair(self, seed: int, out: Path, order: Sequence[str]) -> Pair:
        """Run both searches in this ``order``, and print the results."""
        pair = Pair(seed, **{side: self._run(side, seed, out / side) for side in order})
        print(table(pair), flush=True)
        return pair

    def _run(self, side: str, seed: int, out: Path) -> Timeline:
        out.mkdir(parents=True, exist_ok=True)
        start = time.time()
        with (out / "printed.txt").open("w") as printed:
            process = subprocess.run(
                [sys.executable, *self._command(side, seed, out)],
                cwd=ROOT,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        end = time.time()
        if process.returncode not in _ENDED:
            tail = "\n".join((out / "printed.txt").read_text().splitlines()[-20:])
            raise RuntimeError(f"the {side} search ended with {process.returncode}:\n{tail}")
        return read_timeline(default_uri(out), start, end, self._images(side))

    def _command(self, side: str, seed: int, out: Path) -> list[str]:
        module = ["-m", "benchmarks.plain_search"]
        if side == "convoy":
            module = ["-m", "search.run", "--name", "convoy", "--cpus-per-trial", "1", "--quiet"]
        flags = {
            "space": SPACE,
            "data": self.source,
            "trials": self.convoy_trials if side == "convoy" else self.budget.trials,
            "epochs": self.budget.epochs,
            "train-limit": len(self.dataset.train),
            "val-limit": len(self.dataset.val),
            "seed": seed,
            "out": out,
        }
        return [*module, *(f"--{key}={value}" for key, value in flags.items())]

    def _images(self, side: str) -> Callable[[int], int]:
        """Images per epoch by batch size: Convoy leaves out the rest that does not fill a batch."""
        images = len(self.dataset.train)
        if side == "convoy":
            return lambda batch_size: images_per_epoch(images, batch_size)
        return lambda batch_size: images

    def described(self) -> str:
        """One line on the search."""
        budget, dataset = self.budget, self.dataset
        more = self.convoy_trials != budget.trials
        by_convoy = f" ({self.convoy_trials} by Convoy)" if more else ""
        return (
            f"{budget.trials} trials{by_convoy} of up to {budget.epochs} epochs (ASHA: grace "
            f"{budget.grace_epochs}, reduction {budget.reduction_factor}) of "
            f"{len(dataset.train):,} {dataset.name} images, {len(dataset.val):,} for validation\n"
        )

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            **self.budget.model_dump(),
            "convoy_trials": self.convoy_trials,
            "data": self.dataset.described(),
            "space": SPACE.name,
            "cpus_per_trial": 1,
        }


def _plan(arguments: argparse.Namespace) -> ComparisonPlan:
    space, source = read_space(SPACE), resolve(arguments.data)
    dataset = load(space.data, source)
    images = arguments.train_limit or min(TRAIN_LIMIT, len(dataset.train))
    budget = space.budget_on(source).asked(arguments.trials, arguments.epochs)
    limited = dataset.limited(images, arguments.val_limit)
    return ComparisonPlan(source, limited, budget, arguments.convoy_trials or budget.trials)


if __name__ == "__main__":
    sys.exit(main())

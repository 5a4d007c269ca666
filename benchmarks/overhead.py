"""``python -m benchmarks.overhead``: what a search costs beyond its training.

Two real searches in processes of their own, of gap5 on the embedded data. In the first the epochs
are so short that the trials' own cost shows; the second, with longer epochs, tells how busy the
workers are. All figures come from their records.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import circumstances, described
from benchmarks.occupancy import Occupancy, read_occupancy
from benchmarks.results import result_file, write
from trainables.arguments import Arguments
from trainables.boundary.door import command
from trainables.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
SHORT = ("--epochs", "3", "--train-limit", "128", "--val-limit", "100")
LONG = ("--epochs", "6", "--train-limit", "1500", "--val-limit", "500")


@dataclass(frozen=True)
class Measured:
    """A search that was run.

    Attributes:
        start: of its process, in seconds since 1970.
        occupancy: of its workers.
    """

    start: float
    occupancy: Occupancy

    def figures(self) -> dict[str, Any]:
        """What it cost beyond training; seconds, and shares in [0, 1]."""
        occupancy = self.occupancy
        return {
            "trials": occupancy.trials,
            "workers": len(occupancy.workers),
            "epochs": len(occupancy.work),
            "epoch_seconds": sum(each.seconds for each in occupancy.work) / len(occupancy.work),
            "first_step_seconds": occupancy.first_step - self.start,
            "between_trials_seconds": occupancy.between_trials,
            "report_seconds": occupancy.report,
            "idle": occupancy.idle,
            "idle_with_tail": occupancy.idle_with_tail,
        }


_LINES = {
    "trials": ("trials", "{:,}"),
    "workers": ("worker processes", "{:,}"),
    "epochs": ("epochs", "{:,}"),
    "epoch_seconds": ("mean epoch, s", "{:.2f}"),
    "first_step_seconds": ("start to first training step, s", "{:.1f}"),
    "between_trials_seconds": ("between two trials on a worker, ms", "{:.0f}"),
    "report_seconds": ("a report holds its trial up, ms", "{:.2f}"),
    "idle": ("idle share of the workers", "{:.1%}"),
    "idle_with_tail": ("the same, with the wait for the last trial", "{:.1%}"),
}
_MILLISECONDS = ("between_trials_seconds", "report_seconds")


@command
def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; the exit status: 0, or 2 where a flag is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(argv)
    if arguments.trials < 2:
        raise UsageError(f"--trials must be 2 or more, not {arguments.trials}")
    file = result_file(arguments.json)
    found = circumstances("benchmarks.overhead", argv, torch.device("cpu"))
    searches = {
        "short epochs": measure("short", arguments.trials, SHORT),
        "longer epochs": measure("longer", arguments.trials, LONG),
    }
    figures = {name: each.figures() for name, each in searches.items()}
    print(f"{described(found)}\n\n{table(figures)}")
    write({**found, "searches": figures}, file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--trials", type=int, default=40, metavar="N", help="default: 40")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    return parser


def measure(name: str, trials: int, flags: tuple[str, ...]) -> Measured:
    """Run a search in a process of its own and read its records.

    Raises:
        RuntimeError: it ended with an error.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        command = ["-m", "search.run", "--space", "gap5", "--data", "embedded", "--quiet"]
        command += ["--trials", f"{trials}", "--name", name, "--out", scratch, *flags]
        command += ["--set", "batch_size=64", "--set", "reweighting=none", "--finalists", "0"]
        start = time.time()
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the search ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return Measured(start, read_occupancy(out / name, f"sqlite:///{out / 'mlflow.db'}"))


def table(figures: dict[str, dict[str, Any]]) -> str:
    """The searches side by side."""
    rows = [f"{'':46}" + "".join(f"{name:>16}" for name in figures)]
    for key, (title, form) in _LINES.items():
        scale = 1000 if key in _MILLISECONDS else 1
        cells = (form.format(scale * each[key]) for each in figures.values())
        rows.append(f"{title:46}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())

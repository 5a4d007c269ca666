"""``python -m benchmarks.overhead``: the time that a search takes besides training.

It runs two real searches of gap5 on the embedded data, each in its own process. The first has very
short epochs and shows the overhead of trials. The second has longer epochs and shows how busy the
workers are. All figures come from their records.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.command import measured, parser_of
from benchmarks.occupancy import read_occupancy
from benchmarks.start import measure_start, start_table
from search.records.tracking import default_uri

ROOT = Path(__file__).resolve().parents[1]
SHORT = ("--epochs", "3", "--train-limit", "128", "--val-limit", "100")
LONG = ("--epochs", "6", "--train-limit", "1500", "--val-limit", "500")


# Title, format and factor of every figure.
_LINES = {
    "trials": ("trials", "{:,}", 1),
    "workers": ("worker processes", "{:,}", 1),
    "epochs": ("epochs", "{:,}", 1),
    "epoch_seconds": ("mean epoch, s", "{:.2f}", 1),
    "first_step_seconds": ("start to first training step, s", "{:.1f}", 1),
    "between_trials_seconds": ("between two trials on a worker, ms", "{:.0f}", 1000),
    "report_seconds": ("a report holds its trial up, ms", "{:.2f}", 1000),
    "idle": ("idle share of the workers", "{:.1%}", 1),
    "idle_with_tail": ("the same, with the wait for the last trial", "{:.1%}", 1),
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 2 if a flag is wrong."""
    parser = parser_of("benchmarks.overhead", __doc__)
    parser.add_argument(
        "--trials",
        type=int,
        default=40,
        metavar="N",
        help="trials of each search (default: %(default)s)",
    )
    parser.add_argument(
        "--start", type=int, metavar="N", help="time only the start and the end of N searches"
    )
    return measured(parser, _measure, argv, {"trials": 2, "start": 1})


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.start is not None:
        starts = [measure_start() for _ in range(arguments.start)]
        print(start_table(starts))
        return {"starts": [asdict(start) for start in starts]}
    searches = {"short epochs": SHORT, "longer epochs": LONG}
    figures = {name: measure(arguments.trials, flags) for name, flags in searches.items()}
    print(table(figures))
    return {"searches": figures}


def measure(trials: int, flags: tuple[str, ...]) -> dict[str, float]:
    """Run a search in its own process, and measure its overhead from its records.

    Raises:
        RuntimeError: it ended with an error.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        command = ["-m", "search.run", "--space", "gap5", "--data", "embedded", "--quiet"]
        command += ["--trials", f"{trials}", "--name", "measured", "--out", scratch, *flags]
        command += ["--set", "batch_size=64", "--set", "reweighting=none", "--finalists", "0"]
        start = time.time()
        process = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True
        )
        if process.returncode:
            raise RuntimeError(
                f"the search ended with {process.returncode}:\n{process.stderr[-2000:]}"
            )
        occupancy = read_occupancy(out / "measured", default_uri(out))
    return occupancy.figures(start)


def table(figures: dict[str, dict[str, float]]) -> str:
    """The searches side by side."""
    rows = [f"{'':46}" + "".join(f"{name:>16}" for name in figures)]
    for key, (title, form, factor) in _LINES.items():
        cells = (form.format(factor * each[key]) for each in figures.values())
        rows.append(f"{title:46}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())

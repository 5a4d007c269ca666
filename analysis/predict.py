"""``python -m analysis.predict``: the classes of new images, by a search's model."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model import CARD, FOLDER
from search.space.naming import is_name
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError, printable
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted, nearest

if TYPE_CHECKING:
    from analysis.model.image_list import ImageList
    from analysis.model.prediction import PredictedBatch
    from analysis.model.reader import ModelFolder

_EXAMPLES = """examples:
  python -m analysis.predict --search NAME cat.jpg           the model of a search's winner
  python -m analysis.predict --search NAME photos --out predictions.csv
  python -m analysis.predict --model DIR photos more.png     a folder model/, wherever it is
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 all images are predicted; 3 some are not read, and named; 2 a flag, file or folder is wrong.
    """
    arguments = command_line().parse_args(argv)
    out = _out(arguments.out)
    place = _model(arguments)

    from analysis.model.image_list import list_images
    from analysis.model.reader import read_model_folder

    images = list_images(arguments.file)
    folder = read_model_folder(place)
    for line in images.left_out:
        print(line, file=sys.stderr)
    return _report(images, _predicted(folder, images), folder, out)


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m analysis.predict",
        description="Predict the classes of new images by the model of an analysed search.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        nargs="+",
        metavar="FILE|FOLDER",
        help="images, and folders whose images are taken at any depth",
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--search", metavar="NAME", help="the winner's model, of the search in ./runs/NAME"
    )
    model.add_argument("--model", metavar="DIR", help="a model's folder")
    parser.add_argument(
        "--out", metavar="CSV", help="a new file for the predictions, with all probabilities"
    )
    return parser


def _out(written: str | None) -> Path | None:
    """The file to write, which can be made."""
    if written is None:
        return None
    path = user_path(written, "--out")
    if path.exists() or not written:
        raise UsageError(f"--out {path} is there already; name a file that is not")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--out {path}: the folder {path.parent} cannot be written")
    return path


def _model(arguments: argparse.Namespace) -> Path:
    """The model's folder that the flags name."""
    runs = Path("runs").resolve()
    if arguments.model is not None:
        return user_path(arguments.model or "''", "--model")
    if arguments.search is not None:
        return _of_search(runs, arguments.search)
    models = sorted(path.parts[-4] for path in runs.glob(f"*/analysis/{FOLDER}/{CARD}"))
    known = f" (there are {', '.join(models[:5])})" if models else ""
    raise UsageError(f"name a model: --search NAME{known} or --model DIR")


def _of_search(runs: Path, name: str) -> Path:
    """The model of a search's winner, as its latest analysis wrote it."""
    if not is_name(name) or not (runs / name).is_dir():
        names = [path.name for path in runs.iterdir()] if runs.is_dir() else []
        raise UsageError(
            f"--search {name}: there is no search {name!r} in {runs}{nearest(name, names)}"
        )
    folder, make = runs / name / "analysis" / FOLDER, f"python -m analysis.run --search {name}"
    if not (folder / CARD).is_file():
        raise UsageError(f"--search {name}: no analysis has made its model yet; run {make}")
    winner, run = _winner(runs / name), _run_of(folder)
    if winner is not None and winner != run:
        raise UsageError(
            f"--search {name}: its winner is another run ({winner[:8]}) than that of the model "
            f"({str(run)[:8]}); run {make}, or give --model {folder}"
        )
    return folder


def _winner(folder: Path) -> str | None:
    """Run id of the winner of the search in ``folder``; None if it does not tell."""
    try:
        summary = json.loads((folder / "summary.json").read_bytes())
        return str(summary["best"]["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _run_of(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / CARD).read_bytes())["run_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # which the reader reports


def _predicted(folder: "ModelFolder", images: "ImageList") -> "list[PredictedBatch]":
    """What the model makes of the images, while a bar on a terminal tells how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    from analysis.model.prediction import predict
    from analysis.model.runtime import classifier

    classify, form = classifier(folder), folder.card.input
    console, batches = Console(stderr=True), list["PredictedBatch"]()
    with Progress(
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=False,
    ) as bar:
        task = bar.add_task("images", total=len(images.paths))
        for batch in predict(list(images.paths.values()), classify, form):
            batches.append(batch)
            bar.advance(task, len(batch.paths) + len(batch.faults))
    return batches


def _report(
    images: "ImageList",
    batches: "Sequence[PredictedBatch]",
    folder: "ModelFolder",
    out: Path | None,
) -> int:
    """Print the predictions, or write them to ``out``, and name what was not read."""
    import numpy as np

    from analysis.model.table import counts, lines, write_csv

    faults = [fault for batch in batches for fault in batch.faults]
    broken = {fault.path for fault in faults}
    files = [name for name, path in images.paths.items() if path not in broken]
    probabilities = np.concatenate([batch.probabilities for batch in batches])
    classes = folder.card.classes
    if out is None:
        for line in lines(files, probabilities, classes):
            print(line)
    else:
        write_csv(out, files, probabilities, classes)
        print(f"{counted(len(files), 'image')} predicted: {printable(str(out))}")
        print(counts(probabilities, classes))
    for fault in faults:
        print(f"skipped: {fault}", file=sys.stderr)
    return 3 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m analysis.predict``: predict the classes of new images with a search's model."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.model.lookup import model_of_search, searches_with_models
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError, printable, some
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted

if TYPE_CHECKING:
    from analysis.model.image_list import ImageList
    from analysis.model.prediction import PredictedBatch
    from analysis.model.reader import ModelFolder

_EXAMPLES = """examples:
  python -m analysis.predict --search NAME cat.jpg         the winner's model
  python -m analysis.predict --search NAME photos --out predictions.csv
  python -m analysis.predict --model DIR photos more.png   any folder model/
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; return the exit status.

    0: all images are predicted. 3: some cannot be read and are named. 2: an argument is wrong.
    """
    arguments = command_line().parse_args(argv)
    out = _out(arguments.out)
    model = _model(arguments)

    from analysis.model.image_list import list_images
    from analysis.model.reader import read_model_folder

    images = list_images(arguments.file)
    with model as path:
        folder = read_model_folder(path)
        for line in images.left_out:
            print(line, file=sys.stderr)
        batches = _predicted(folder, images)
    return _report(images, batches, folder.card.classes, out)


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m analysis.predict",
        description="Predict the classes of new images with the model of an analysed search.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        nargs="+",
        metavar="FILE|FOLDER",
        help="images, or folders whose images are read at any depth",
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--search", metavar="NAME", help="use the winner's model of the search in ./runs/NAME"
    )
    model.add_argument("--model", metavar="DIR", help="use the model in this folder")
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="MLflow store of the search, if it is not in ./runs",
    )
    parser.add_argument(
        "--out", metavar="CSV", help="write the predictions and all probabilities to a new file"
    )
    return parser


def _out(written: str | None) -> Path | None:
    """The file to write, after checking that it can be made."""
    if written is None:
        return None
    path = user_path(written, "--out")
    if path.exists() or not written:
        raise UsageError(f"--out {path} already exists; name a new file")
    if not path.parent.is_dir():
        raise UsageError(f"--out {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"--out {path}: the folder {path.parent} cannot be written")
    return path


def _model(arguments: argparse.Namespace) -> AbstractContextManager[Path]:
    """The model's folder that the flags name."""
    runs = Path("runs").resolve()
    if arguments.tracking_uri is not None and arguments.search is None:
        raise UsageError("--tracking-uri needs --search NAME; add it, or leave --tracking-uri out")
    if arguments.model is not None:
        return nullcontext(user_path(arguments.model or "''", "--model"))
    if arguments.search is not None:
        return model_of_search(arguments.search, runs, arguments.tracking_uri)
    known = some(searches_with_models(runs))
    raise UsageError(f"name a model: --search NAME{known and f' ({known})'} or --model DIR")


def _predicted(folder: "ModelFolder", images: "ImageList") -> "list[PredictedBatch]":
    """Predict the images; a terminal shows a progress bar."""
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
    classes: Sequence[str],
    out: Path | None,
) -> int:
    """Print the predictions, or write them to ``out``, and name the files that were not read."""
    import numpy as np

    from analysis.model.table import counts, lines, write_csv

    faults = {fault.path: fault.fault for batch in batches for fault in batch.faults}
    files = [name for name, path in images.paths.items() if path not in faults]
    probabilities = np.concatenate([batch.probabilities for batch in batches])
    if out is None:
        for line in lines(files, probabilities, classes):
            print(line)
    else:
        write_csv(out, files, probabilities, classes)
        print(f"{counted(len(files), 'image')} predicted: {printable(str(out))}")
        print(counts(probabilities, classes))
    for name, path in images.paths.items():
        if path in faults:
            print(printable(f"skipped: {name} {faults[path]}"), file=sys.stderr)
    return 3 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

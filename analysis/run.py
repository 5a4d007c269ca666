"""``python -m analysis.run``: what a recorded run predicts, and how it got there."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

from analysis.output import whole_folder
from search import environment
from search.commands.left_out import print_left_out
from search.records.tracking import default_uri
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.checkpoint import save
from trainables.data import EMBEDDED, resolve
from trainables.device import use_threads

if TYPE_CHECKING:
    from analysis.certificate import Certificate
    from analysis.drawn import Gallery
    from analysis.record import Records
    from analysis.sealed import Seal
    from analysis.subject import Subject

HTML_FILE, PDF_FILE, JSON_FILE = "report.html", "report.pdf", "report.json"
ARTIFACTS = "analysis"  # where a run's artifacts hold the report

_EXAMPLES = """examples:
  python -m analysis.run --space gap5 --data embedded   the best run of all searches of a space
  python -m analysis.run --search NAME --only curves    one figure of a search's winner
  python -m analysis.run --run RUN_A --run RUN_B        where two runs disagree
  python -m analysis.run --list                         the figures there are
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 certified; 3 the reloaded weights do not give the logged accuracy, a figure that applies could
    not be drawn, or the store refuses the report or a reading of the test labels; 2 a flag or file
    is wrong.
    """
    console = Console(highlight=False, markup=False)
    arguments = command_line().parse_args(argv)
    environment.prepare(loopback=True)
    if arguments.list:
        return _list(console)
    if arguments.run and len(arguments.run) > 1:
        return _compare(arguments, console)
    return analysed(arguments, console)[1]


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m analysis.run",
        description="Certify a recorded run, predict the test images, draw figures and report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--search", metavar="NAME", help="the winner of a search")
    which.add_argument(
        "--run", metavar="RUN_ID", action="append", help="an MLflow run; twice to compare two"
    )
    which.add_argument("--space", metavar="NAME", help="the best winner among a space's searches")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help=f"data folder, or {EMBEDDED} (default: where the search had it)",
    )
    parser.add_argument("--out", metavar="DIR", help="default: ./runs/SEARCH/analysis")
    parser.add_argument("--only", nargs="+", metavar="FIGURE", help="draw these figures alone")
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        default="val",
        help="the images that the figures show (default: val); test reads the sealed labels",
    )
    parser.add_argument(
        "--read-test",
        action="store_true",
        help="read the sealed test labels of a winner again, which is counted and told",
    )
    parser.add_argument("--list", action="store_true", help="list the figures and exit")
    parser.add_argument("--tracking-uri", metavar="URI", help="default: sqlite:///./runs/mlflow.db")
    return parser


def _list(console: Console) -> int:
    from analysis.figures import available

    width = max(map(len, available()))
    for name, shows in available().items():
        console.print(f"{name:{width}}  {shows}", markup=False, soft_wrap=True)
    return 0


def analysed(arguments: argparse.Namespace, console: Console) -> tuple[Path, int]:
    """Analyse a run as the flags ask; the folder that was written, and the exit status.

    Raises:
        UsageError: a flag, record or file is wrong.
    """
    from analysis import figures
    from analysis.certificate import certify
    from analysis.drawn import remove_figure
    from analysis.predictions import predictions_text
    from analysis.record import Records
    from analysis.sealed import unseal
    from analysis.subject import open_subject

    names = list(dict.fromkeys(arguments.only or figures.available()))
    for name in names:
        figures.drawer(name)  # a wrong name is told before any work
    out = user_path(arguments.out, "--out") if arguments.out else None
    records = Records(_uri(arguments))
    run = records.load(_run_id(records, arguments))
    console.print(
        f"run {run.run_id}, {run.described}: {100 * run.val_accuracy:.2f}% of "
        f"{run.data['val']} validation images ({run.data['name']})",
        soft_wrap=True,
    )
    source = _source(arguments.data, run.job.source)
    subject = open_subject(run, source, arguments.split, records)
    print_left_out(run.job.data, source, console, subject.dataset)
    if arguments.read_test:
        _check_readable(subject)
    certificate, predictions = certify(subject), predictions_text(subject)
    use_threads(os.cpu_count() or 1)  # the certificate wants the trial's own number, figures do not
    out = out or Path("runs", run.search, "analysis").resolve()
    with whole_folder(out) as folder:  # before any figure, so that none can cost them
        (folder / "certificate.json").write_text(json.dumps(asdict(certificate), indent=2))
        (folder / "predictions.txt").write_text(predictions, encoding="utf-8")
        save(run.weights, folder / "model.pt")
    with tempfile.TemporaryDirectory() as scratch:
        with whole_folder(out) as folder:
            seal = unseal(subject, arguments.read_test)
            gallery = _report(subject, certificate, seal, names, folder, console)
            shutil.copytree(folder, scratch, dirs_exist_ok=True)
            (folder / "test.json").write_text(json.dumps(seal.as_dict(), indent=2))
        for name in (*gallery.left_out, *gallery.failed):
            remove_figure(name, out / "figures")  # of an earlier analysis
        logged = _log(records, run.run_id, Path(scratch))
    tested, drawn = len(subject.dataset.test), len(gallery.drawn)
    console.print(f"{tested} test images predicted, {drawn} figures: {out}", soft_wrap=True)
    console.print(f"report: {out / HTML_FILE}", soft_wrap=True)
    status = max(_tell(seal, console), _verdict(certificate, console), logged, _failures(gallery))
    return out, status


def _compare(arguments: argparse.Namespace, console: Console) -> int:
    """Write and log what two runs make of the same images."""
    from analysis.comparison import compare
    from analysis.drawn import save_drawing
    from analysis.record import Records
    from analysis.sealed import unseal
    from analysis.subject import open_subject

    if not len(set(arguments.run)) == len(arguments.run) == 2:
        raise UsageError("--run: give two different runs to compare, or one to analyse")
    if arguments.only:
        raise UsageError("--only: a comparison of two runs is one figure; leave it out")
    if arguments.read_test:
        raise UsageError(
            "--read-test: a comparison reads test labels by --split test; leave it out"
        )
    out = user_path(arguments.out, "--out") if arguments.out else None
    records = Records(_uri(arguments))
    runs = [records.load(run_id) for run_id in arguments.run]
    subjects = [
        open_subject(run, _source(arguments.data, run.job.source), arguments.split, records)
        for run in runs
    ]
    name = "comparison-" + "-".join(run.run_id[:8] for run in runs)
    drawing = compare(*subjects)
    out = out or Path("runs", runs[0].search, name).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        with whole_folder(out) as folder:
            seals = [unseal(subject) for subject in subjects if subject.shown == "test"]
            save_drawing("comparison", drawing, folder)
            shutil.copytree(folder, scratch, dirs_exist_ok=True)
        logged = max(_log(records, run.run_id, Path(scratch), name) for run in runs)
    for letter, run in zip("AB", runs, strict=True):
        console.print(f"{letter}: run {run.run_id}, {run.described}", soft_wrap=True)
    console.print(drawing.caption.shows, soft_wrap=True)
    console.print(f"comparison: {out / 'comparison.png'}", soft_wrap=True)
    return max([logged, *(_tell(seal, console) for seal in seals)])


def _report(
    subject: "Subject",
    certificate: "Certificate",
    seal: "Seal",
    names: list[str],
    folder: Path,
    console: Console,
) -> "Gallery":
    """Draw the figures that apply, report them, and name those that do not."""
    from analysis.class_names import unwritten
    from analysis.drawn import draw_figures
    from analysis.report.document import report_of
    from analysis.report.html import html_text
    from analysis.report.pdf import write_pdf

    shown = track(names, "figures", console=console, disable=not console.is_terminal)
    gallery = draw_figures(subject, shown, folder / "figures")
    for name, reason in gallery.left_out.items():
        console.print(f"left out: {name}: {reason}", soft_wrap=True)
    if remark := unwritten(subject.dataset.classes):
        console.print(remark, soft_wrap=True)
    report = report_of(subject, certificate, gallery, datetime.now().astimezone(), seal)
    summary = {"run_id": subject.run.run_id, "certified": certificate.certified}
    (folder / JSON_FILE).write_text(json.dumps(summary | gallery.as_dict(), indent=2))
    (folder / HTML_FILE).write_text(html_text(report), encoding="utf-8")
    write_pdf(report, folder / PDF_FILE)
    return gallery


def _failures(gallery: "Gallery") -> int:
    """Name the figures that could not be drawn; 0, or 3 if there are any."""
    for name, reason in gallery.failed.items():
        print(f"figure {name} could not be drawn: {reason}", file=sys.stderr)
    return 3 if gallery.failed else 0


def _log(records: "Records", run_id: str, folder: Path, name: str = ARTIFACTS) -> int:
    """Log what is in ``folder`` to the run as ``name``; 0, or 3 if the store refuses it."""
    try:
        records.log(run_id, folder, name)
    except UsageError as error:
        print(f"the files are written, but not logged to their run: {error}", file=sys.stderr)
        return 3
    return 0


def _uri(arguments: argparse.Namespace) -> str:
    return str(arguments.tracking_uri or default_uri(Path("runs").resolve()))


def _run_id(records: "Records", arguments: argparse.Namespace) -> str:
    if arguments.run:
        return str(arguments.run[0])
    if arguments.search:
        return records.winner_of(arguments.search)
    if arguments.space:
        data = arguments.data or os.environ.get("CONVOY_DATA", "")
        return records.best_of(Path(arguments.space).stem, data)
    raise UsageError("name a run: --space NAME, --search NAME or --run RUN_ID")


def _source(data: str | None, recorded: str) -> str:
    """The data asked for, else those the search had, if they are here, else the default."""
    if data is None and (recorded == EMBEDDED or Path(recorded).is_dir()):
        return recorded
    return resolve(data)


def _check_readable(subject: "Subject") -> None:
    """Raise UsageError unless the test labels are the run's to read."""
    run = subject.run
    if not run.is_winner:
        raise UsageError(
            f"--read-test: run {run.run_id} is {run.described}, and the test labels are read for "
            "winners alone; leave it out"
        )
    if not subject.dataset.test.labelled:
        raise UsageError("--read-test: the test images have no labels; leave it out")


def _tell(seal: "Seal", console: Console) -> int:
    """Tell what was read of the test labels; 0, or 3 if the store refused to record it."""
    for line in filter(None, (seal.line, seal.spent)):
        console.print(line, soft_wrap=True)
    if not seal.unrecorded:
        return 0
    print(f"this reading of the test labels is not recorded: {seal.unrecorded}", file=sys.stderr)
    return 3


def _verdict(certificate: "Certificate", console: Console) -> int:
    if certificate.certified:
        console.print(certificate.verdict, soft_wrap=True)
        return 0
    print(certificate.verdict, file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())

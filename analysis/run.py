"""``python -m analysis.run``: certify, explain and report a recorded run."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from analysis.output import progress, whole_folder
from analysis.report import FIGURES, HTML_FILE, artifact_name
from search import environment
from search.commands.left_out import print_left_out
from search.records.tracking import default_uri
from trainables.best_epoch import judged_by
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted
from trainables.checkpoint import save
from trainables.data import EMBEDDED, resolve
from trainables.device import use_threads

if TYPE_CHECKING:
    from analysis.certificate import Certificate
    from analysis.drawn import Gallery
    from analysis.record import Records
    from analysis.report.files import RunReports
    from analysis.sealed import Command, Seal
    from analysis.subject import Subject
    from search.records.run_reader import RecordedRun


_EXAMPLES = """examples:
  python -m analysis.run --space gap5 --data embedded   best run of a space
  python -m analysis.run --search NAME --only curves    a figure of the winner
  python -m analysis.run --run RUN_A --run RUN_B        where two runs disagree
  python -m analysis.run --list                         all figures
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; return the exit status.

    0: certified. 3: the reloaded weights do not give the logged accuracy, a figure that applies
    could not be drawn, or the store refuses the report or a reading of the test labels. 2: a flag
    or file is wrong.
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
        description="Certify a run, predict the test images, draw figures and write a report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--search", metavar="NAME", help="analyse the winner of this search")
    which.add_argument(
        "--run",
        metavar="RUN_ID",
        action="append",
        help="analyse this MLflow run; give two to compare them",
    )
    which.add_argument(
        "--space", metavar="NAME", help="analyse the best winner of this space's searches"
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help=f"data folder, or {EMBEDDED} (default: the data of the search)",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="output folder (default: ./runs/SEARCH/analysis; -RUN is added for a run that is not "
        "the winner, -SPLIT for a split other than val)",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="FIGURE",
        help="draw only these figures; an existing report keeps its other figures, and the test "
        "stays sealed",
    )
    _add_test_flags(parser)
    parser.add_argument("--list", action="store_true", help="list the figures and exit")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow store (default: sqlite:///./runs/mlflow.db)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not show progress")
    return parser


def _add_test_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        default="val",
        help="the images that the figures show (default: %(default)s); test shows sealed labels "
        "and needs --read-test, except in a comparison or a whole analysis of a winner",
    )
    sealed = parser.add_mutually_exclusive_group()
    sealed.add_argument(
        "--read-test",
        action="store_true",
        help="read the sealed test labels of a winner with --only or once more, or of any run "
        "with --split test; each reading is counted and reported",
    )
    sealed.add_argument(
        "--no-test", action="store_true", help="keep the test sealed in a whole analysis"
    )


def _list(console: Console) -> int:
    from analysis.figures import available

    width = max(map(len, available()))
    for name, shows in available().items():
        console.print(f"{name:{width}}  {shows}", markup=False, soft_wrap=True)
    return 0


def analysed(arguments: argparse.Namespace, console: Console) -> tuple[Path, int]:
    """Analyse a run as the flags ask; return the output folder and the exit status.

    Raises:
        UsageError: a flag, record or file is wrong.
    """
    from analysis import figures
    from analysis.certificate import certify
    from analysis.model.folder import is_written, write_model_folder
    from analysis.predictions import predictions_text
    from analysis.record import Records
    from analysis.report.files import RunReports
    from analysis.subject import open_subject

    only = arguments.only or []
    for name in only:
        figures.drawer(name)  # reports a wrong name before any work
    out = user_path(arguments.out, "--out") if arguments.out else None
    records = Records(_uri(arguments))
    run = records.load(_run_id(records, arguments))
    command = _command(run, arguments)
    console.print(
        f"run {run.run_id}, {run.described}: {100 * run.val_accuracy:.2f}% of "
        f"{run.data['val']} validation images ({run.data['name']}){_score(run)}",
        soft_wrap=True,
    )
    out = out or _folder(run, arguments.split)
    reports = RunReports(out, records)
    if only:  # adds to the existing reports
        reports = reports.read(run.run_id, arguments.split)
    source = _source(arguments.data, run.job.source)
    subject = open_subject(run, source, arguments.split, records)
    print_left_out(run.job.data, source, console, subject.dataset)
    if arguments.read_test and not subject.dataset.test.labelled:
        raise UsageError("--read-test: the test images have no labels; omit the flag")
    certificate, predictions = certify(subject), predictions_text(subject)
    use_threads(os.cpu_count() or 1)  # only the certificate needs the trial's number of threads
    with whole_folder(out) as folder:  # before any figure, so that a failure cannot lose them
        (folder / "certificate.json").write_text(json.dumps(asdict(certificate), indent=2))
        (folder / "predictions.txt").write_text(predictions, encoding="utf-8")
        save(run.weights, folder / "model.pt")
    if not only or not is_written(out, run.run_id):
        write_model_folder(subject, certificate, out, console)
    names = progress(_names(only, reports.lost, console), console, quiet=arguments.quiet)
    return out, _report(subject, certificate, command, names, reports, console)


def _compare(arguments: argparse.Namespace, console: Console) -> int:
    """Compare two runs on the same images, and write and log the figure."""
    from analysis.comparison import compare
    from analysis.drawn import save_drawing
    from analysis.record import Records
    from analysis.sealed import NO_TEST, SHOWN, unseal
    from analysis.subject import open_subject

    if not len(set(arguments.run)) == len(arguments.run) == 2:
        raise UsageError("--run: give two different runs to compare, or one to analyse")
    if arguments.only:
        raise UsageError("--only: a comparison of two runs is one figure; omit the flag")
    if arguments.read_test:
        raise UsageError(
            "--read-test: in a comparison, --split test reads the test labels; omit the flag"
        )
    if arguments.no_test and arguments.split == "test":
        raise UsageError(NO_TEST.format("--split test"))
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
            seals = [unseal(subject, SHOWN) for subject in subjects if subject.shown == "test"]
            save_drawing("comparison", drawing, folder)
            shutil.copytree(folder, scratch, dirs_exist_ok=True)
        logged = max(_log(records, run.run_id, Path(scratch), name) for run in runs)
    for letter, run in zip("AB", runs, strict=True):
        console.print(f"{letter}: run {run.run_id}, {run.described}", soft_wrap=True)
    console.print(drawing.caption.shows, soft_wrap=True)
    console.print(f"comparison: {out / 'comparison.png'}", soft_wrap=True)
    return max([logged, *(_print_seal(seal, console) for seal in seals)])


def _names(only: list[str], lost: Collection[str], console: Console) -> list[str]:
    """The figures to draw, in the usual order: those of ``--only``, and those that are ``lost``."""
    from analysis import figures

    if not only:
        return list(figures.available())
    names = [name for name in figures.available() if name in {*only, *lost}]
    if anew := [name for name in names if name not in only]:
        console.print(
            f"drawn again, as their files of an earlier analysis are incomplete: {', '.join(anew)}",
            soft_wrap=True,
        )
    return names


def _report(
    subject: "Subject",
    certificate: "Certificate",
    command: "Command | None",
    names: Iterable[str],
    reports: "RunReports",
    console: Console,
) -> int:
    """Draw figures, add them to ``reports``, write and log these; return the exit status."""
    from analysis.drawn import remove_figure
    from analysis.model import FOLDER
    from analysis.model.card import add_findings
    from analysis.report.files import write_report
    from analysis.sealed import unseal

    run, out = subject.run, reports.folder
    with tempfile.TemporaryDirectory() as scratch:
        with whole_folder(out) as folder:
            seal = unseal(subject, command)
            gallery = _draw(subject, names, folder / FIGURES, console)
            here, logged = reports.here.updated(gallery), reports.logged.updated(gallery)
            write_report(subject, certificate, here, seal, folder)
            shutil.copytree(folder, scratch, dirs_exist_ok=True)
            (folder / "test.json").write_text(json.dumps(seal.as_dict(), indent=2))
        if logged != here:
            write_report(subject, certificate, logged, seal, Path(scratch))
        undrawn = [*gallery.left_out, *gallery.failed]  # an earlier analysis may have drawn them
        for name in undrawn:
            remove_figure(name, out / FIGURES)
        stale = [f"{FIGURES}/{name}.{kind}" for name in undrawn for kind in ("png", "json")]
        place = artifact_name(subject.shown)
        add_findings(out / FOLDER, seal, here)
        refused = _log(reports.records, run.run_id, Path(scratch), place, stale)
    tested, drawn = len(subject.dataset.test), len(gallery.drawn)
    console.print(
        f"{counted(tested, 'test image')} predicted, {counted(drawn, 'figure')}: {out}",
        soft_wrap=True,
    )
    console.print(f"model: {out / FOLDER}", soft_wrap=True)
    refused = refused or _publish(subject, out / FOLDER, console)
    console.print(f"report: {out / HTML_FILE}", soft_wrap=True)
    statuses = _print_seal(seal, console), _verdict(certificate, console), refused
    return max(*statuses, _failures(gallery))


def _publish(subject: "Subject", folder: Path, console: Console) -> int:
    """Log a winner's model to its run and register it; return 3 if the store refuses it, else 0."""
    from analysis.model.registry import publish

    if subject.records is None or not subject.run.is_winner:
        return 0
    example = subject.dataset.val.images[:1]
    try:
        line = publish(subject.records, subject.run.run_id, folder, example)
    except UsageError as error:
        print(f"the model is written, but could not be logged: {error}", file=sys.stderr)
        return 3
    console.print(line, soft_wrap=True)
    return 0


def _draw(subject: "Subject", names: Iterable[str], folder: Path, console: Console) -> "Gallery":
    """Draw the figures that apply, and name those that do not."""
    from analysis.class_names import unwritten
    from analysis.drawn import draw_figures

    gallery = draw_figures(subject, names, folder)
    for name, reason in gallery.left_out.items():
        console.print(f"left out: {name}: {reason}", soft_wrap=True)
    if remark := unwritten(subject.dataset.classes):
        console.print(remark, soft_wrap=True)
    return gallery


def _failures(gallery: "Gallery") -> int:
    """Name the figures that could not be drawn; return 3 if there are any, else 0."""
    for name, reason in gallery.failed.items():
        print(f"figure {name} could not be drawn: {reason}", file=sys.stderr)
    return 3 if gallery.failed else 0


def _log(
    records: "Records", run_id: str, folder: Path, name: str, stale: Collection[str] = ()
) -> int:
    """Log ``folder`` to the run as ``name``; return 3 if the store refuses it, else 0."""
    try:
        records.log(run_id, folder, name, stale)
    except UsageError as error:
        print(f"the files are written, but could not be logged: {error}", file=sys.stderr)
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


def _score(run: "RecordedRun") -> str:
    """The score of a run whose search judged by another metric than accuracy; else empty."""
    if not (judged := judged_by(run.job.metric)):
        return ""
    return f"{judged}: {100 * run.score:.2f}%"


def _source(data: str | None, recorded: str) -> str:
    """The data that the user names, else those of the search if they exist, else the default."""
    if data is None and (recorded == EMBEDDED or Path(recorded).is_dir()):
        return recorded
    return resolve(data)


def _command(run: "RecordedRun", arguments: argparse.Namespace) -> "Command | None":
    """The command that reads the test labels of ``run``; None if they stay sealed."""
    from analysis.sealed import command_asking

    return command_asking(
        run,
        arguments.split,
        glance=bool(arguments.only),
        read_test=arguments.read_test,
        no_test=arguments.no_test,
    )


def _folder(run: "RecordedRun", split: str) -> Path:
    """The default folder of a report; every run and split has its own."""
    place = "" if run.is_winner else f"-{run.run_id[:8]}"
    return Path("runs", run.search, f"{artifact_name(split)}{place}").resolve()


def _print_seal(seal: "Seal", console: Console) -> int:
    """Print the readings of the test labels; return 3 if the store did not record one, else 0."""
    for line in filter(None, (seal.line, seal.spent)):
        console.print(line, soft_wrap=True)
    if not seal.unrecorded:
        return 0
    print(f"this reading of the test labels was not recorded: {seal.unrecorded}", file=sys.stderr)
    return 3


def _verdict(certificate: "Certificate", console: Console) -> int:
    if certificate.certified:
        console.print(certificate.verdict, soft_wrap=True)
        return 0
    print(certificate.verdict, file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())

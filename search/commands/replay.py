"""``search.replay``: train a recorded run again and compare the two."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search import environment
from search.records.summary import read_summary
from search.request.flags import out_folder, tracking_uri
from search.request.parser import add_flags
from search.space.naming import is_name
from trainables.boundary.arguments import Arguments
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, resolve

if TYPE_CHECKING:
    from search.records.run_reader import RecordedRuns
    from search.reproduce.retrain import Replay

FILE = "replay.json"
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_EXAMPLES = """examples:
  python -m search.replay NAME               the winner of a search in ./runs
  python -m search.replay RUN_ID --out DIR   a trial that is recorded in MLflow
  python -m search.replay NAME --data PATH   the same data in another folder

exit status: 0 record repeated, 3 not repeated, 2 wrong flag, file or record
"""


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    environment.prepare(loopback=True)
    return _replay(arguments, Console(highlight=False, markup=False))


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.replay",
        description="Train a recorded run again from its record alone, and compare the two.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", metavar="NAME|RUN_ID", help="a search, whose winner is trained, or an MLflow run"
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help=f"data folder, or {EMBEDDED} (default: the folder that the search used)",
    )
    add_flags(parser, "out", "tracking_uri")
    return parser


def _replay(arguments: argparse.Namespace, console: Console) -> int:
    from search.records.run_reader import RecordedRuns
    from search.reproduce.report import Progress, file_lines, table
    from search.reproduce.retrain import check_setting, retrain
    from search.reproduce.tolerance import tolerance
    from trainables.scores import images_behind
    from trainables.training import NonFiniteLossError

    out = out_folder(arguments)
    records = RecordedRuns(tracking_uri(arguments), out)
    run = records.load(_run_id(arguments, records, out))
    check_setting(run)
    dataset = run.dataset(_source(arguments.data, run.job.source))
    weights = run.model(dataset).state_dict() if run.weights else None
    folder = _made(out / run.search / f"replay-{run.run_id[:8]}")
    summary = read_summary(out / run.search)
    images = round(images_behind(run.job.metric, dataset.val))
    allowed = tolerance(run.record, images, summary)
    try:
        replay = retrain(run, dataset, weights, allowed, Progress(run, console))
    except NonFiniteLossError as error:
        print(f"differs: {error}", file=sys.stderr)
        return 3
    console.print(table(replay))
    for line in file_lines(replay):
        console.print(line, soft_wrap=True)
    _write(replay, folder / FILE)
    console.print(f"written    {folder / FILE}", soft_wrap=True)
    return _conclude(replay, console)


def _run_id(arguments: argparse.Namespace, records: "RecordedRuns", out: Path) -> str:
    """The id of the run to train: as given, or a search's winner by its summary, else MLflow."""
    asked = str(arguments.run)
    if _RUN_ID.fullmatch(asked):
        return asked
    if not is_name(asked):
        raise UsageError(f"{asked!r} is neither the name of a search nor the id of an MLflow run")
    records.check_recorded(out / asked)
    best = read_summary(out / asked).get("best") if arguments.tracking_uri is None else None
    run_id = best.get("run_id") if isinstance(best, dict) else None
    return run_id if isinstance(run_id, str) else records.winner_of(asked)


def _source(wanted: str | None, recorded: str) -> str:
    """The data that the user gives, else the search's own if they exist here, else the default."""
    if wanted is None and (recorded == EMBEDDED or Path(recorded).is_dir()):
        return recorded
    return resolve(wanted)


def _made(folder: Path) -> Path:
    """Make ``folder`` and return it, before a training that may take hours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out: cannot make {folder} ({error.strerror})") from error
    return folder


def _write(replay: "Replay", path: Path) -> None:
    try:
        with atomic_file(path) as file:
            file.write(json.dumps(replay.document(), indent=2).encode())
    except OSError as error:
        raise UsageError(f"--out: cannot write {path} ({error.strerror})") from error


def _conclude(replay: "Replay", console: Console) -> int:
    from search.reproduce.report import sentence

    if replay.verdict != "differs":
        console.print(sentence(replay), soft_wrap=True)
        return 0
    print(sentence(replay), file=sys.stderr)
    return 3

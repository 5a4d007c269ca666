"""``search.reconcile``: write MLflow's records of a search again from its folder."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search import environment
from search.driver.lock import locked
from search.records.search_file import read_search_file
from search.request.flags import out_folder
from search.request.parser import add_flags, add_recorded_uri
from search.space.naming import is_name
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.boundary.wording import counted

if TYPE_CHECKING:
    from search.records.about import About
    from search.records.search_records import SearchRecords

# Keys of a summary that cannot be computed from the trials.
_UNCHANGED = (
    "sampler",
    "scheduler",
    "search",
    "space",
    "seed",
    "data",
    "resources",
    "unmeasured",
    "metric",
    "versions",
)
_EXAMPLES = """examples:
  python -m search.reconcile gap5-20261121-101500
  python -m search.reconcile NAME --out DIR --tracking-uri http://localhost:5000
"""


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    environment.prepare(loopback=True)
    return _reconcile(arguments, Console(highlight=False))


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.reconcile",
        description="Write a search's MLflow records again from its folder, as often as needed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="name of the search")
    add_flags(parser, "out")
    add_recorded_uri(parser)
    return parser


def _reconcile(arguments: argparse.Namespace, console: Console) -> int:
    folder = out_folder(arguments) / arguments.name
    if not is_name(arguments.name) or not folder.is_dir():
        raise UsageError(
            f"{arguments.name}: there is no search of this name in {folder.parent}; give the "
            "folder that holds it as --out"
        )
    read_search_file(folder)  # fails before a lock is made in a folder without a search
    with locked(folder):
        written, errors = reconcile(folder, arguments.tracking_uri)
    for error in errors[:3]:
        print(f"not recorded in MLflow: {error}", file=sys.stderr)
    console.print(f"{arguments.name}: {counted(written, 'trial')} in MLflow", highlight=False)
    return 3 if errors else 0


def reconcile(folder: Path, uri: str | None) -> tuple[int, list[str]]:
    """Write all records of the search in ``folder``; the number of trials, and MLflow's refusals.

    Args:
        folder: the search's folder, which no process has locked.
        uri: the store to write to; None for the one in which the search recorded.

    Raises:
        UsageError: there is no record, or no store at ``uri``.
    """
    from search.records.about import read_about
    from search.records.ownership import check_recorded, owned
    from search.records.search_records import SearchRecords
    from search.records.tracking import check_admits, check_uri

    about = read_about(folder)
    store = check_uri(uri or check_recorded(about.place.uri))
    elsewhere = masked(store) != about.place.uri
    about = replace(about, place=replace(about.place, uri=store))
    check_admits(store)
    search_id = owned(folder, store).search_id
    return _write(folder, SearchRecords(folder, about, search_id), about, elsewhere)


def _write(
    folder: Path, records: "SearchRecords", about: "About", elsewhere: bool
) -> tuple[int, list[str]]:
    from search.records.summary import close, read_summary, status_of, summarise, summary_in
    from search.trials.files import read_histories
    from search.trials.search_board import SearchBoard

    params, seconds = about.params, read_summary(folder).get("wall_seconds", 0.0)
    finals = (params.get("finalists", 0), params.get("finalist_seeds", 0))
    size = params["trials"], params["epochs"], params["train_images"]
    board = SearchBoard(*size, *finals, seconds)
    board.clock.stop()
    for history in read_histories(folder):
        record = history.closed().record
        board.board_of(record.spec).put(record)
    close(board, read_summary(folder))
    records.writer.recall(board.records)
    status = status_of(board, records.rule)
    closed = records.close(board, status)
    if (before := summary_in(folder)) is not None and not elsewhere:
        unchanged: dict[str, Any] = {name: getattr(before, name) for name in _UNCHANGED}
        unchanged |= {"search": folder.name, "budgets": about.budgets}  # it may have been renamed
        choice, run_id, weights = closed.choice, closed.run_id, closed.weights
        summarise(board, status, unchanged, choice, run_id, weights).write(folder)
    return len(board.records), closed.errors

"""``search.export``: write a search's trials and curves to files that other programs read."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from search.commands.searches import out_folder, search_named
from search.request.parser import add_flags
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted

if TYPE_CHECKING:
    from search.records.table import DataTable

_EXAMPLES = """examples:
  python -m search.export NAME --to trials.csv
  python -m search.export NAME --out DIR --to trials.parquet
"""


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    files = _files(arguments.to)
    _export(search_named(arguments.name, out_folder(arguments.out)), *files)
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.export",
        description="Write a table with a row for each trial, and one with a row for each epoch.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="name of the search, or of a leaderboard")
    parser.add_argument(
        "--to",
        required=True,
        metavar="FILE",
        help="new file, such as trials.csv or .parquet; curves go to trials-curves.csv beside it",
    )
    add_flags(parser, "out")
    return parser


def _files(written: str) -> tuple[Path, Path]:
    """The two files, neither of which exists yet.

    Raises:
        UsageError: they cannot be made, or their suffix names no format.
    """
    trials = user_path(written, "--to")
    if trials.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"--to {written}: the name must end in .csv or .parquet")
    name = f"{trials.stem}-curves{trials.suffix}"
    curves = user_path(str(trials.with_name(name)), "--to")
    for file in (trials, curves):
        if file.exists() or file.is_symlink():
            raise UsageError(f"--to {written}: {file} already exists; choose another name")
    return trials, curves


def _export(folder: Path, trials: Path, curves: Path) -> None:
    from search.driver.lock import is_locked
    from search.records.tables import curves_of, read_search, searches_in, trials_of

    searches = [read_search(each, running=is_locked(each)) for each in searches_in(folder)]
    tables = {trials: trials_of(searches), curves: curves_of(searches)}
    _write(tables)
    for noun, (file, table) in zip(("trial", "epoch"), tables.items(), strict=True):
        print(f"{counted(len(table.rows), noun)}: {file}")


def _write(tables: dict[Path, "DataTable"]) -> None:
    """Write all tables, or none if one cannot be written."""
    made: list[Path] = []
    try:
        for file, table in tables.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            table.write(file)
            made.append(file)
    except OSError as error:
        for file in made:
            file.unlink(missing_ok=True)
        reason = error.strerror or error
        raise UsageError(f"--to: {file} cannot be written ({reason})") from error

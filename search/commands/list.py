"""``search.list``: list the searches in a folder and their states."""

import argparse
import json
import shutil
import sys
import time
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len

from search.commands.searches import bytes_of, out_folder, searches_in
from search.records.disk_use import artifact_folders
from search.records.overview import SearchOverview
from search.records.shell import command
from search.request.parser import add_flags
from search.trials.text import percent, size
from trainables.best_epoch import ACCURACY
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import printable

_EXAMPLES = """examples:
  python -m search.list
  python -m search.list --out DIR
  python -m search.list --json | jq -r '.[]|select(.state=="interrupted").name'
"""
# The columns in order, and those that a narrow terminal leaves out, the last of them first.
_COLUMNS = ("name", "space", "state", "trials", "best", "conflicting", "age", "size")
_LEAVE_OUT = ("conflicting", "size", "space", "age", "best", "trials")
_RIGHT = _COLUMNS[3:]
_GAP = "  "


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    out = out_folder(arguments.out)
    views = searches_in(out)
    folders = artifact_folders(out / "mlflow.db")
    sizes = [bytes_of(view.folder, folders) for view in views]
    if arguments.json:
        print(json.dumps([*map(_document, views, sizes)], indent=2))
    elif not views:
        begin = command("search.run", "--space", "gap5", out=out)
        print(f"no searches in {printable(str(out))}; begin one: {begin}")
    else:
        _print(views, sizes)
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.list",
        description="List the searches in a folder and their states, the latest last.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flags(parser, "out")
    parser.add_argument("--json", action="store_true", help="print JSON, with accuracies in [0, 1]")
    return parser


def _document(view: SearchOverview, size: int) -> dict[str, Any]:
    return {
        "name": view.name,
        "kind": view.kind,
        "space": view.space,
        "state": view.state,
        "trials": {"done": view.done, "requested": view.requested},
        "metric": view.metric,
        "best": view.best,
        "conflicting": view.conflicting,
        "begun": datetime.fromtimestamp(view.begun, UTC).isoformat(timespec="seconds"),
        "age_seconds": round(max(0.0, time.time() - view.begun)),
        "size_bytes": size,
        "folder": str(view.folder),
    }


def _print(views: list[SearchOverview], sizes: list[int]) -> None:
    rows = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *map(_cells, views, sizes)]
    columns = _fitting(rows, _room())
    widths = {name: max(cell_len(row[name]) for row in rows) for name in columns}
    for row in rows:
        cells = (_aligned(name, row[name], widths[name]) for name in columns)
        print(_GAP.join(cells).rstrip())


def _room() -> int | None:
    """The terminal's width in columns; None for a pipe or a file, which have no limit."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _cells(view: SearchOverview, bytes_on_disk: int) -> dict[str, str]:
    trials = f"{view.done:,}/{view.requested:,}" if view.requested else "-"
    best, conflicting = (
        "-" if each is None else percent(each) for each in (view.best, view.conflicting)
    )
    if view.best is not None and view.metric != ACCURACY:
        best = f"{printable(view.metric)} {best}"
    shown = (printable(view.name), printable(view.space) or "-", view.state, trials)
    rest = (best, conflicting, _age(view.begun), size(bytes_on_disk))
    return dict(zip(_COLUMNS, (*shown, *rest), strict=True))


def _fitting(rows: list[dict[str, str]], room: int | None) -> list[str]:
    """The columns that fit into ``room``; a search's name and state always stay."""
    columns = list(_COLUMNS)
    for name in _LEAVE_OUT:
        width = sum(max(cell_len(row[each]) for row in rows) for each in columns)
        if room is None or width + len(_GAP) * (len(columns) - 1) <= room:
            break
        columns = [each for each in columns if each != name]
    return columns


def _aligned(name: str, cell: str, width: int) -> str:
    space = " " * (width - cell_len(cell))
    return space + cell if name in _RIGHT else cell + space


def _age(begun: float) -> str:
    """``45 s``, ``12 min``, ``5 h`` or ``3 d`` since ``begun``."""
    seconds = max(0.0, time.time() - begun)
    for unit, length, most in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds // 86400:,.0f} d"

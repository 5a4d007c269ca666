"""``search.show``: show one search and the commands to continue with."""

import argparse
import shutil
import sys
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

from search.commands.searches import bytes_of, members, out_folder, search_named, seen
from search.driver.lock import holder_of
from search.records.disk_use import artifact_folders
from search.records.overview import SearchOverview, mapping, number, search_file_in, text
from search.records.place import place_in
from search.records.search_file import FILE, SearchFile
from search.records.shell import analyse_line, command, compare_lines, shown
from search.records.tracking import default_uri
from search.request.parser import add_flags
from search.trials.text import duration, settings_line, size
from trainables.best_epoch import figure_of, in_words
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import printable
from trainables.boundary.wording import counted

_EXAMPLES = """examples:
  python -m search.show gap5-20261121-101500
  python -m search.show NAME --out DIR
"""
WEIGHTS = "best/model.pt"  # the winner's weights, once there is a winner
_INDENT = 11  # columns before the text of a line
_FINALISTS = ("trial", "search", "mean", "std", "95% interval", "seeds")
_MOST = 5  # maximum number of finalists to show


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    folder = search_named(arguments.name, out_folder(arguments.out))
    view = seen(folder)
    assert view is not None
    for line in [*_standing(view), *_result(view), *_places(view)]:
        _print(line)
    for line in _commands(view):  # not wrapped, so that they can be copied
        print(printable(line))
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.show",
        description="Show the state and result of a search, and the commands to continue with.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="name of the search")
    add_flags(parser, "out")
    return parser


def _print(line: str) -> None:
    """Print a line, wrapped between words on a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    if width and not line.startswith(" "):
        line = textwrap.fill(
            line,
            width,
            subsequent_indent=_INDENT * " ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    print(line)


def _standing(view: SearchOverview) -> list[str]:
    trials, data = mapping(view.summary, "trials"), mapping(view.summary, "data")
    ends = [f"{trials.get(key, 0)} {key}" for key in ("completed", "pruned", "failed")]
    line = f"{printable(view.name)}: {view.state}"
    if trials:
        line += f", {', '.join(ends)} of {counted(view.requested, 'trial')}"
    if (seconds := number(view.summary, "wall_seconds")) is not None:
        epochs = counted(int(number(view.summary, "epochs") or 0), "epoch")
        line += f", {epochs} in {duration(seconds)}"
    begun = datetime.fromtimestamp(view.begun).isoformat(" ", "seconds")
    lines = [line, f"begun      {begun}"]
    if ended_by := text(view.summary, "ended_by"):
        lines.append(f"ended by   {printable(ended_by)}")
    if view.state in ("running", "stopping"):
        lines[1] += f", runs as {printable(holder_of(view.folder))}"
    about = f"{view.kind} of {view.space or 'an unknown space'}"
    if name := text(data, "name"):
        about += f" on {name}, {data.get('train')} training and {data.get('val')} validation images"
    return [*lines, f"what       {printable(about)}"]


def _result(view: SearchOverview) -> list[str]:
    """The scores, the winner's settings and the finalists, as far as they exist."""
    best, baseline = mapping(view.summary, "best"), mapping(view.summary, "baseline")
    lines, metric, words = [], figure_of(view.metric), in_words(view.metric)
    if (figure := number(baseline, metric)) is not None:
        again = _again(baseline, metric)
        lines.append(f"baseline   {100 * figure:.2f}% {words}{again and f'; {again}'}")
    if view.best is not None:
        lines.append(f"best       {100 * view.best:.2f}% {words} in epoch {best.get('epoch')}")
    if view.conflicting is not None:
        followed = number(best, "digit_following")
        more = "" if followed is None else f", {100 * followed:.2f}% of those follow it"
        lines.append(f"           {100 * view.conflicting:.2f}% where the shortcut conflicts{more}")
    if again := _again(best, metric):
        lines.append(f"expect     {again}")
    elif view.best is not None and view.kind == "search":
        lines.append("           unconfirmed: the best of its trials, which is partly luck")
    if params := mapping(best, "params"):
        lines.append(f"settings   {printable(settings_line(params))}")
    return [*lines, *_finalists(view.summary.get("finalists"), view.metric)]


def _again(figures: dict[str, Any], metric: str) -> str:
    """The mean of a metric over fresh seeds, in words; empty if there is none."""
    mean, std = number(figures, f"{metric}_mean"), number(figures, f"{metric}_std")
    if mean is None:
        return ""
    spread = "" if std is None else f" ± {100 * std:.2f}"
    return f"{100 * mean:.2f}{spread}% over {counted(_seeds(figures), 'fresh seed')}"


def _seeds(figures: dict[str, Any]) -> int:
    return int(number(figures, "seeds") or 0)


def _finalists(finalists: object, metric: str) -> list[str]:
    """The finalists as a table, the winner first."""
    if not isinstance(finalists, list) or not finalists:
        return []
    rows = [_FINALISTS, *(_finalist(each, metric) for each in finalists[:_MOST])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_FINALISTS))]
    lines = ["finalists"]
    for trial, *figures in rows:
        cells = (cell.rjust(width) for cell, width in zip(figures, widths[1:], strict=True))
        lines.append("  ".join([f"  {trial.ljust(widths[0])}", *cells]))
    return lines


def _finalist(each: object, metric: str) -> tuple[str, ...]:
    figures = (f"search_{metric}", f"val_{metric}_mean", f"val_{metric}_std")
    values = [number(each, name) for name in figures]
    shown = ["-" if value is None else f"{100 * value:.2f}" for value in values]
    ends = each.get(f"val_{metric}_interval") if isinstance(each, dict) else None
    interval = "-"
    if isinstance(ends, list) and all(isinstance(end, int | float) for end in ends):
        interval = " to ".join(f"{100 * end:.2f}" for end in ends)
    seeds = str(_seeds(each)) if isinstance(each, dict) else "-"
    return (printable(text(each, "trial")), *shown, interval, seeds)


def _places(view: SearchOverview) -> list[str]:
    folder = view.folder
    files = {
        "weights": folder / WEIGHTS,
        "report": folder / "analysis" / "report.html",
        "table": folder / "leaderboard.csv",
    }
    parts = [printable(each.name) for each in members(folder, search_file_in(folder))]
    lines = [f"searches   {', '.join(parts)}"] if parts else []
    bytes_on_disk = bytes_of(folder, artifact_folders(folder.parent / "mlflow.db"))
    lines.append(f"folder     {printable(shown(folder))}, {size(bytes_on_disk)} with its artifacts")
    lines += [
        f"{name:10} {printable(shown(file))}" for name, file in files.items() if file.is_file()
    ]
    return lines


def _commands(view: SearchOverview) -> list[str]:
    """The commands that the search's state allows, for the user to copy."""
    out, name, written = view.folder.parent, view.name, search_file_in(view.folder)
    place = place_in(view.folder)
    uri = place.uri if place else default_uri(out)
    lines = []
    if view.state in ("running", "stopping"):
        return [f"stop       {command('search.stop', name, out=out)}"]
    if written is None:
        return [f"damaged    {FILE} cannot be read; only the trials in the folder can be used"]
    if view.state in ("interrupted", "damaged"):
        lines.append(resume_line(view.folder, written))
    if view.kind == "leaderboard" or view.best is not None:
        lines += compare_lines(name, out, uri)
    if view.kind == "search" and (view.folder / WEIGHTS).is_file():
        lines.append(analyse_line(name, out, uri))
    return [*lines, f"delete     {command('search.delete', name, out=out)}"]


def resume_line(folder: Path, written: SearchFile) -> str:
    """The line with the command that resumes the search in ``folder``, or its whole group."""
    group = folder.parent / (text(written.flags, "name") or folder.name)
    together = folder in members(group, search_file_in(group))
    name = group.name if together else folder.name
    return f"resume     {command(written.command, '--resume', name, out=folder.parent)}"

"""``search.run``: one search or several, from the flags to the result."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console

from search import environment
from search.driver.local_ray import local_ray
from search.request.flags import (
    ALL,
    assignments,
    check_address,
    check_free,
    check_named,
    new_name,
    out_folder,
)
from search.request.methods import check_flags, notes, space_in, with_methods
from search.request.options import SearchOptions
from search.request.parser import search_options
from search.space.domain import every_key
from search.space.reader import SPACES, available, read_space, space_file
from trainables.boundary.collector import no_collection
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted
from trainables.data import resolve

if TYPE_CHECKING:
    from search.request.request import Request


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status, as of ``search.run.main``.

    Raises:
        UsageError: a flag or file is wrong.
        KeyboardInterrupt: before Tune takes over, or while the records are closed.
    """
    began, console = monotonic(), Console(highlight=False, markup=False)
    options = search_options(argv)
    if options.resume is not None:
        from search.request.resume import resumed  # takes a second to import, as do others below

        options = resumed(options)
    if options.list:
        console.print(_listing(), markup=False, soft_wrap=True)
        return 0
    if options.check is not None:
        check_flags(options)
        for name in options.check:
            _check(name, options, console)
        return 0
    _check_names(options)
    environment.prepare(loopback=options.address is None)
    return _search(options, console, began)


def _listing() -> str:
    """Every space with its data, source and baseline, in lines that fit a narrow terminal."""
    lines = []
    for name in available():
        space = read_space(space_file(name))
        shown = ("optimizer", "lr", "batch_size", "schedule")
        baseline = " ".join(
            f"{key}={space.baseline[key]}" for key in shown if key in space.baseline
        )
        lines += [
            f"{name}",
            f"  data      {space.data.set}",
            f"  source    {space.source.file if space.source else '-'}",
            *textwrap.wrap(
                space.source.result if space.source else "",
                66,
                initial_indent=12 * " ",
                subsequent_indent=12 * " ",
            ),
            f"  baseline  {baseline}",
        ]
    return "\n".join(lines)


def _check(name: str, options: SearchOptions, console: Console) -> None:
    """Print that the space ``name`` or the space file at this path is right, and what it searches.

    With data, what it would leave out of a folder of images too.

    Raises:
        UsageError: it is not, or such a folder is not; the first fault is named.
    """
    path = user_path(name, "--check")
    shipped = path.parent == SPACES  # by their path too, as a pattern of the shell names them
    space = space_in(path if shipped else space_file(name, "--check"))
    space = with_methods(space, options, "")
    keys = {key for key, _ in every_key(space.search)}
    budget = space.budget.asked(options.trials, options.epochs)
    console.print(
        f"{name}: ok: {space.architecture} on {space.data.set}, {counted(len(keys), 'key')}, "
        f"{counted(budget.trials, 'trial')} of {counted(budget.epochs, 'epoch')}"
        f"{''.join(f'; {note}' for note in notes(space, budget))}",
        soft_wrap=True,
    )
    if options.data is not None:
        from search.commands.left_out import print_left_out

        shortcut = space.shortcut if space.shortcut and space.shortcut.csv else None
        data = replace(space.data, shortcut=shortcut)
        print_left_out(data, resolve(options.data), console)


def _check_names(options: SearchOptions) -> None:
    """Refuse what can be refused before anything is imported that takes a second.

    Raises:
        UsageError: methods or spaces are not there, or the name is no name or is taken.
    """
    check_address(options.address)
    check_flags(options)
    assignments(options.set)
    resolve(options.data)
    if options.from_run is None:
        check_named(options.space)
    for name in options.space:
        if name != ALL:
            space_file(name)
    if options.name is not None and options.resume is None:
        check_free(new_name(options.name, ""), out_folder(options))


def _search(options: SearchOptions, console: Console, began: float) -> int:
    with local_ray(options) as await_ray:
        if not options.quiet:
            console.print(_first_line(options), markup=False, soft_wrap=True)
        with no_collection():
            asked = [_begun_at(began, request) for request in _asked(options)]
        if not options.quiet:
            from search.commands.left_out import print_left_out

            print_left_out(asked[0].data, asked[0].source, console, asked[0].dataset)
        await_ray()
        return _one(asked[0], console) if len(asked) == 1 else _several(asked, console)


def _begun_at(began: float, request: "Request") -> "Request":
    """The request, whose time runs since the command began."""
    return replace(request, termination=replace(request.termination, began=began))


def _first_line(options: SearchOptions) -> str:
    """What a search does in the seconds before its first trial."""
    spaces = ", ".join(Path(space).stem for space in options.space)
    what = options.resume or spaces or f"run {options.from_run}"
    ray = "starting Ray" if options.address is None else f"joining Ray at {options.address}"
    return f"{what}: reading the data, {ray}"


def _asked(options: SearchOptions) -> "list[Request]":
    """What the options ask for, with all imported that runs it: Ray starts meanwhile."""
    from search.request.planning import requests

    asked = requests(options)
    for module in ("search.driver.engine", "search.commands.report"):
        import_module(module)
    return asked


def _one(request: "Request", console: Console) -> int:
    from search.driver.ray_cluster import cluster
    from search.request.growth import nothing_is_left

    if request.resumed and nothing_is_left(request):
        from search.commands.report import print_lines, whole_lines

        print_lines(whole_lines(request), console)
        return 0
    try:
        with cluster(request.limits):
            return _run(request, console)
    except KeyboardInterrupt:
        from search.commands.report import print_lines, resume_line

        if request.folder.exists():
            print_lines([resume_line(request)], console)
        raise


def _run(request: "Request", console: Console) -> int:
    from search.commands.report import exit_status_of, report
    from search.driver.engine import run_search

    _announce([request], console)
    outcome = run_search(request, console)
    report(outcome, request, console)
    return exit_status_of(outcome)


def _announce(asked: "list[Request]", console: Console) -> None:
    """Print what trainings start from and what cannot be measured, before anything is trained."""
    from search.commands.report import initial_lines, print_lines, unmeasured_lines

    lines = dict.fromkeys(line for each in asked for line in initial_lines(each))
    lines |= dict.fromkeys(line for each in asked for line in unmeasured_lines(each))
    if not asked[0].quiet:
        print_lines(list(lines), console)


def _several(asked: "list[Request]", console: Console) -> int:
    """Several searches, each with its own study and ladder; then the leaderboard."""
    _check_idle([each for each in asked if each.resumed and each.folder.exists()])
    _claim(asked[0])
    _announce(asked, console)
    try:
        if asked[0].limits.address is None:
            statuses = _in_turn(asked, console)
        else:
            statuses = _side_by_side(asked, console)
    finally:  # whatever ends a search, those that are done have their leaderboard
        refused = _lead(asked, console)
    return max([*statuses, 3 * refused])


def _in_turn(asked: "list[Request]", console: Console) -> list[int]:
    """One search after the other, each with all of the machine; their exit statuses."""
    from search.commands.report import report_briefly
    from search.driver.engine import run_search
    from search.driver.ray_cluster import cluster

    statuses: list[int] = []
    with cluster(asked[0].limits):
        for request in _sharing_time(asked):
            outcome = run_search(request, console)
            statuses.append(report_briefly(outcome, request, console))
            if outcome.stop is not None:
                break
    return statuses


def _sharing_time(asked: "list[Request]") -> "Iterator[Request]":
    """The searches in turn, each with an even share of the time that those before have left."""
    from search.records.summary import is_whole, read_summary

    def spent(request: "Request") -> float:
        return float(read_summary(request.folder).get("wall_seconds", 0.0))

    def is_left(request: "Request") -> bool:
        reopened = request.termination.lets_go_on(read_summary(request.folder))
        return not request.folder.exists() or not is_whole(request.folder) or reopened

    earlier, whole = sum(map(spent, asked)), asked[0].termination
    for place, request in enumerate(asked):
        left = max(1, sum(map(is_left, asked[place:])))
        taken = earlier + monotonic() - whole.began
        yield replace(request, termination=whole.shared(taken, spent(request), left))


def _side_by_side(asked: "list[Request]", console: Console) -> list[int]:
    """All searches at once on a cluster; their exit statuses."""
    from search.commands.report import print_lines, resume_line
    from search.driver.side_by_side import run_side_by_side
    from search.records.summary import is_whole

    statuses = run_side_by_side(asked, console)
    if not all(is_whole(request.folder) for request in asked):
        print_lines([resume_line(asked[0])], console)
    return statuses


def _check_idle(begun: "list[Request]") -> None:
    """Refuse a larger budget for searches before one of them takes it up.

    Raises:
        UsageError: one of them cannot, or is running, or their time is up.
    """
    from search.driver.lock import locked
    from search.request.growth import grown
    from search.request.termination import check_limits, check_open

    if begun and (group := begun[0].out / begun[0].group).exists():
        folders = [group, *(each.folder for each in begun)]
        check_limits(begun[0].group, folders, begun[0].termination)
    for request in [each for each in begun if grown(each) is not None]:
        check_open(request.name, request.folder, request.termination)
        with locked(request.folder):
            pass


def _claim(request: "Request") -> None:
    """Make the group's folder, by which all of it can be resumed."""
    from search.records.ownership import owned
    from search.records.search_file import SearchFile
    from search.request.growth import with_flags

    folder = request.out / request.group
    if not (request.resumed and folder.exists()):
        SearchFile(request.command, request.flags, {}).claim(folder, None)
    with_flags(owned(folder, request.tracking_uri), request).write(folder)


def _lead(asked: "list[Request]", console: Console) -> bool:
    """Print, write and record the leaderboard of those that have ended; True if MLflow refused."""
    from search.commands.leaderboard import record, row, table, write_csv
    from search.commands.report import print_lines, print_refusal
    from search.records.search_file import read_search_file
    from search.records.shell import compare_lines
    from search.records.summary import summary_in

    request = asked[0]
    summaries = [(each, summary_in(each.folder)) for each in asked]
    rows = [row(each, ended) for each, ended in summaries if ended and ended.status != "running"]
    if not rows:
        return False
    name, uri = request.group, request.tracking_uri
    search_id = read_search_file(request.out / name).search_id
    file = write_csv(rows, request.out / name)
    console.print(table(rows))
    artifacts = request.out / "artifacts" if uri.startswith("sqlite:") else None
    note = ["source: its own figure, test or validation; baseline and best: validation, here,"]
    note += ["the mean over fresh seeds of what was trained again"]
    if not all(each.comparable for each in rows):
        note.append("the sources trained on all of CIFAR-10 or its composite images")
    print_lines([*note, f"table      {file}", *compare_lines(name, request.out, uri)], console)
    try:
        record(rows, name, uri, artifacts, file, search_id)
    except Exception as error:  # whatever the store raises, the table is written and printed
        print_refusal(error)
        return True
    return False

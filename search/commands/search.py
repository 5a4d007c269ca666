"""``search.run``: run one search or several, from the flags to the printed result."""

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
    """Run the command line ``argv``; the exit status of ``search.run.main``.

    Raises:
        UsageError: a flag or file is wrong.
        KeyboardInterrupt: before Tune takes over, or while the records are closed.
    """
    began, console = monotonic(), Console(highlight=False, markup=False)
    options = search_options(argv)
    if options.resume is not None:
        from search.request.resume import resumed  # imported late: a second, as others below

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
    """All spaces with data, source and baseline, in lines that fit a narrow terminal."""
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
    """Check the space or space file ``name``, and print that it is right and what it searches.

    With ``--data`` also print which files of a folder of images it would leave out.

    Raises:
        UsageError: the space or the folder is wrong; the message names the first fault.
    """
    path = user_path(name, "--check")
    shipped = path.parent == SPACES  # a shell's pattern names shipped spaces by their paths
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
    """Check what can be checked before the slow imports.

    Raises:
        UsageError: a method or space does not exist, or the name is not valid or is taken.
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
    """The request, with its time counted from the start of the command."""
    return replace(request, termination=replace(request.termination, began=began))


def _first_line(options: SearchOptions) -> str:
    """The line that says what a search does in the seconds before its first trial."""
    spaces = ", ".join(Path(space).stem for space in options.space)
    what = options.resume or spaces or f"run {options.from_run}"
    ray = "starting Ray" if options.address is None else f"joining Ray at {options.address}"
    return f"{what}: reading the data, {ray}"


def _asked(options: SearchOptions) -> "list[Request]":
    """The requests of the options. Imports what runs them too, while Ray starts."""
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
    """Before any training, print the initial weights and the constraints that are not measured."""
    from search.commands.report import initial_lines, print_lines, unmeasured_lines

    lines = dict.fromkeys(line for each in asked for line in initial_lines(each))
    lines |= dict.fromkeys(line for each in asked for line in unmeasured_lines(each))
    if not asked[0].quiet:
        print_lines(list(lines), console)


def _several(asked: "list[Request]", console: Console) -> int:
    """Run several searches, each with its own sampler and scheduler, then the leaderboard."""
    _check_idle([each for each in asked if each.resumed and each.folder.exists()])
    _claim(asked[0])
    _announce(asked, console)
    try:
        if asked[0].limits.address is None:
            statuses = _in_turn(asked, console)
        else:
            statuses = _side_by_side(asked, console)
    finally:  # finished searches get their leaderboard, whatever ends a later one
        refused = _lead(asked, console)
    return max([*statuses, 3 * refused])


def _in_turn(asked: "list[Request]", console: Console) -> list[int]:
    """Run one search after the other, each with the whole machine; their exit statuses."""
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
    """The searches in turn, each with an even share of the time that is left."""
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
    """Run all searches at once on a cluster; their exit statuses."""
    from search.commands.report import print_lines, resume_line
    from search.driver.side_by_side import run_side_by_side
    from search.records.summary import is_whole

    statuses = run_side_by_side(asked, console)
    if not all(is_whole(request.folder) for request in asked):
        print_lines([resume_line(asked[0])], console)
    return statuses


def _check_idle(begun: "list[Request]") -> None:
    """Check that every begun search can take a larger budget, before the first one does.

    Raises:
        UsageError: one of them cannot, or runs, or their time is used up.
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
    """Make the group's folder, whose name resumes all its searches."""
    from search.records.ownership import owned
    from search.records.search_file import SearchFile
    from search.request.growth import with_flags

    folder = request.out / request.group
    if not (request.resumed and folder.exists()):
        SearchFile(request.command, request.flags, {}).claim(folder, None)
    with_flags(owned(folder, request.tracking_uri), request).write(folder)


def _lead(asked: "list[Request]", console: Console) -> bool:
    """Print, write and record the leaderboard of ended searches; True if MLflow refused it."""
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
    note = ["source: published accuracy, test or validation; baseline and best: measured here on"]
    note += ["validation images, the mean over fresh seeds of settings that were trained again"]
    if not all(each.comparable for each in rows):
        note.append("the sources trained on all of CIFAR-10 or its composite images")
    print_lines([*note, f"table      {file}", *compare_lines(name, request.out, uri)], console)
    try:
        record(rows, name, uri, artifacts, file, search_id)
    except Exception as error:  # the table is written and printed, whatever the store raises
        print_refusal(error)
        return True
    return False

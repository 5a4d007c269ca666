"""``search.stop``: make a search in another process close its records and end."""

import argparse
import time
from pathlib import Path

from search.commands.searches import members, out_folder, search_named, seen
from search.commands.show import resume_line
from search.driver.lock import holder_of, is_locked
from search.driver.stop_request import is_requested, request_stop
from search.records.overview import search_file_in
from search.request.parser import add_flags
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError, printable
from trainables.boundary.wording import counted

_EXAMPLES = """examples:
  python -m search.stop gap5-20261121-101500
  python -m search.stop NAME --out DIR --wait 0       ask, and do not wait
"""
_ELSEWHERE = "for one on a cluster only: python -m search.submit --cluster FILE --stop NAME"
_PAUSE = 0.2  # seconds between two checks
_WAIT = 60


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    if arguments.wait < 0:
        raise UsageError(f"--wait must be 0 or more, not {arguments.wait}")
    folder = search_named(arguments.name, out_folder(arguments.out), _ELSEWHERE)
    asked = {each: holder_of(each) for each in _running(folder)}
    for each, holder in asked.items():
        _ask(each)
        print(f"{printable(each.name)}: asked to stop, runs as {printable(holder)}", flush=True)
    try:
        left = _await_end(asked, arguments.wait)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("interrupted; the searches asked to stop still do so") from error
    for each in asked.keys() - left:
        print(_ended(each))
    for each in left:
        print(f"{printable(each.name)}: still closing its records after {arguments.wait} s")
    return 3 if left else 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.stop",
        description="Stop a running search: it closes its records and can be resumed.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = "here or on a cluster that shares its folder, or of several that began together"
    parser.add_argument(
        "name", metavar="NAME", help=f"name of a search in another process, {where}"
    )
    add_flags(parser, "out")
    parser.add_argument(
        "--wait",
        type=int,
        default=_WAIT,
        metavar="S",
        help=f"wait at most S seconds for its end (default: {_WAIT})",
    )
    return parser


def _running(folder: Path) -> list[Path]:
    """The running searches among the one in ``folder`` and those of its leaderboard.

    Raises:
        UsageError: none of them runs.
    """
    candidates = [folder, *members(folder, search_file_in(folder))]
    running = [each for each in candidates if is_locked(each)]
    if not running:
        view = seen(folder)
        state = view.state if view else "gone"
        begins = "; if it is still starting Ray, press Ctrl-C where it was started"
        raise UsageError(
            f"{folder.name}: the search is not running: it is {state}"
            f"{begins if state == 'interrupted' else ''}"
        )
    return running


def _ask(folder: Path) -> None:
    try:
        request_stop(folder)
    except OSError as error:
        raise UsageError(
            f"{folder.name}: cannot write to {folder} ({error.strerror}); only the user who runs "
            "the search can stop it"
        ) from error


def _await_end(asked: dict[Path, str], seconds: int) -> set[Path]:
    """Wait until the searches end; those that still run as the same process after ``seconds``.

    It repeats a request that a process dropped because it had only just begun.
    """
    deadline, left = time.monotonic() + seconds, set(asked)
    while left := {each for each in left if is_locked(each) and holder_of(each) == asked[each]}:
        if time.monotonic() >= deadline:
            break
        for each in left:
            if not is_requested(each):
                _ask(each)
        time.sleep(_PAUSE)
    return left


def _ended(folder: Path) -> str:
    """The state of a search that has ended, and how to resume it."""
    view, written = seen(folder), search_file_in(folder)
    if view is None:
        return f"{printable(folder.name)}: it no longer exists"
    line = f"{printable(view.name)}: {view.state}, {view.done:,} of "
    line += counted(view.requested, "trial")
    if view.state == "interrupted" and written is not None:
        line += f"\n{resume_line(folder, written)}"
    return line

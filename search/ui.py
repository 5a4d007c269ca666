"""``python -m search.ui``: MLflow's pages of the searches, and where to look in them."""

import argparse
import signal
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from search import environment
from search.flags import out_folder
from search.interruption import Interrupted
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError

if TYPE_CHECKING:
    from search.pages import Compared

_EXAMPLES = """examples:
  python -m search.ui                              the searches in ./runs, the latest compared
  python -m search.ui --search NAME --open         one search, in a browser
  python -m search.ui --tracking-uri http://HOST:5000   where to look on a server that runs
Ctrl-C ends it.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 it was ended by Ctrl-C or SIGTERM, or the server runs elsewhere; 2 a flag is wrong, there are
    no records, or the server does not start.
    """
    console = Console(highlight=False, markup=False)
    try:
        arguments = command_line().parse_args(argv)
        environment.prepare(loopback=True)
        with _ended_by_a_signal():
            _show(arguments, console)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.ui",
        description="Serve MLflow's pages of the searches on this machine alone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--search", metavar="NAME", help="search or leaderboard to compare (default: the latest)"
    )
    parser.add_argument("--out", default="runs", metavar="DIR", help="default: ./runs")
    parser.add_argument("--tracking-uri", metavar="URI", help="default: sqlite:///OUT/mlflow.db")
    parser.add_argument("--port", type=int, metavar="N", help="default: 5000, or the next free")
    parser.add_argument("--open", action="store_true", help="open the comparison in a browser")
    return parser


def _show(arguments: argparse.Namespace, console: Console) -> None:
    from search.page_server import page_server
    from search.pages import compared  # MLflow takes seconds to import
    from search.recorded_run import RecordedRuns
    from search.tracking import public

    given = arguments.tracking_uri
    records = RecordedRuns(given or f"sqlite:///{out_folder(arguments) / 'mlflow.db'}")
    runs = compared(records, arguments.search)
    if records.uri.startswith("http"):
        _tell(runs, public(records.uri), arguments.open, console)
        return
    with page_server(records.uri, arguments.port) as address:
        _tell(runs, address, arguments.open, console)
        console.print("Ctrl-C ends it", soft_wrap=True)
        signal.pause()


def _tell(runs: "Compared", base: str, browse: bool, console: Console) -> None:
    """Print the addresses, and open the comparison if asked to."""
    addresses = runs.addresses(base)
    console.print(f"{runs.name}, the best {len(runs.runs)} of its trials: {base}", soft_wrap=True)
    for what, address in addresses.items():
        console.print(f"{what:10} {address}", soft_wrap=True)
    if browse and not webbrowser.open(addresses["compare"]):
        raise UsageError("--open: no browser was found; open one of the addresses yourself")


@contextmanager
def _ended_by_a_signal() -> Iterator[None]:
    """Have SIGTERM end what is within as Ctrl-C does, tidily.

    And SIGINT, which a shell has those ignore that it starts in the background.
    """

    def end(number: int, _: object) -> None:
        raise Interrupted(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m search.ui``: serve MLflow's pages of the searches, with links to them."""

import argparse
import signal
import sys
import time
import webbrowser
from contextlib import suppress

from search import environment
from search.request.flags import PORTS, out_folder
from search.request.parser import add_flags
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError

_EXAMPLES = """examples:
  python -m search.ui                                  compare the latest search
  python -m search.ui --search NAME --open             one search, in a browser
  python -m search.ui --tracking-uri http://HOST:5000  links to a running server
Ctrl-C ends it.
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 Ctrl-C or SIGTERM ended it, or the server runs elsewhere; 2 a flag is wrong, there are no
    records, or the server does not start.
    """
    arguments = command_line().parse_args(argv)
    environment.prepare(loopback=True)
    with suppress(KeyboardInterrupt):
        _show(arguments)
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.ui",
        description="Serve MLflow's pages of the searches, reachable from this machine alone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--search", metavar="NAME", help="search or leaderboard to compare (default: the latest)"
    )
    add_flags(parser, "out", "tracking_uri")
    free = f"port of the server (default: {PORTS[0]}, or the next free one)"
    parser.add_argument("--port", type=int, metavar="N", help=free)
    parser.add_argument("--open", action="store_true", help="open the comparison in a browser")
    return parser


def _show(arguments: argparse.Namespace) -> None:
    from search.commands.mlflow_pages import mlflow_server, pages_of
    from search.records.run_reader import RecordedRuns
    from search.records.tracking import absolute, default_uri, public

    out = out_folder(arguments)
    uri = absolute(arguments.tracking_uri or default_uri(out))
    title, pages = pages_of(RecordedRuns(uri, out), arguments.search)
    if uri.startswith("http"):
        _print(title, public(uri).rstrip("/"), pages, arguments.open)
        return
    # A command that a shell starts in the background ignores SIGINT by default.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with mlflow_server(uri, arguments.port) as address:
        _print(title, address, pages, arguments.open)
        print("Ctrl-C ends it", flush=True)
        while True:  # signal.pause() would not see a signal that comes just before it
            time.sleep(1)


def _print(title: str, address: str, pages: dict[str, str], browse: bool) -> None:
    print(f"{title}: {address}")
    for page, path in pages.items():
        print(f"{page:10} {address}{path}")
    if browse and not webbrowser.open(address + pages["compare"]):
        raise UsageError("--open: there is no browser; open one of the addresses yourself")


if __name__ == "__main__":
    sys.exit(main())

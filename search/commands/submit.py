"""``search.submit``: send a search to a cluster, watch it, stop it."""

import argparse
import shlex
import sys

from rich.console import Console

from search import environment
from search.clusters.base import Backend, JobLine, Submission
from search.clusters.reader import backend_of, read_cluster
from search.clusters.submission import submission
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

_EXAMPLES = """examples:
  python -m search.submit --cluster ray.yaml -- --space gap5 --trials 64
  python -m search.submit --cluster ray.yaml --dry-run -- --space all
  python -m search.submit --cluster ray.yaml --status
  python -m search.submit --cluster ray.yaml --logs NAME --follow
  python -m search.submit --cluster ray.yaml --stop NAME
  python -m search.submit --cluster ray.yaml -- --resume NAME
"""
_ALL_JOBS = ""


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status, with ``--follow`` that of the search."""
    own, search = _divided(argv)
    arguments = command_line().parse_args(own)
    environment.prepare(loopback=False)
    try:
        return _act(arguments, search, Console(highlight=False, markup=False))
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("interrupted; what was sent continues") from error


def _divided(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """The words before ``--`` and those after it; None for the latter without a ``--``."""
    if "--" not in argv:
        return argv, None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.submit",
        usage="%(prog)s --cluster FILE [--dry-run] [--follow] -- FLAGS",
        description="Send a search to a cluster, watch it, stop it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cluster", required=True, metavar="FILE", help="file such as configs/clusters/ray.yaml"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the job without sending it")
    parser.add_argument(
        "--follow", action="store_true", help="follow the output until the job ends"
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--status",
        nargs="?",
        const=_ALL_JOBS,
        metavar="NAME",
        help="list all jobs, or those of a search",
    )
    asked.add_argument("--logs", metavar="NAME", help="print the output of a search so far")
    asked.add_argument("--stop", metavar="NAME", help="stop a search; it closes its records")
    return parser


def _act(arguments: argparse.Namespace, search: list[str] | None, console: Console) -> int:
    cluster = read_cluster(user_path(arguments.cluster, "--cluster"))
    asks = [key for key in ("status", "logs", "stop") if getattr(arguments, key) is not None]
    if asks and search is not None:
        raise UsageError(f"--{asks[0]} and flags after -- exclude each other")
    backend = backend_of(cluster)
    if arguments.status is not None:
        _list(backend.status(arguments.status or None), console)
    elif arguments.logs is not None:
        return _logs(backend, arguments.logs, arguments.follow)
    elif arguments.stop is not None:
        backend.stop(arguments.stop)
        console.print(f"{arguments.stop}: stopped", soft_wrap=True)
    elif search is None:
        raise UsageError(
            "nothing to do; write -- and the flags of search.run, or --status, --logs or --stop"
        )
    else:
        return _submit(backend, submission(cluster, search), arguments, console)
    return 0


def _submit(
    backend: Backend, sent: Submission, arguments: argparse.Namespace, console: Console
) -> int:
    if arguments.dry_run:
        console.print(backend.shown(sent), soft_wrap=True)
        return 0
    backend.submit(sent)
    asking = f"python -m search.submit --cluster {shlex.quote(arguments.cluster)}"
    console.print(f"sent       {sent.name}", soft_wrap=True)
    if arguments.follow:
        return _logs(backend, sent.name, follow=True)
    for key, flags in (
        ("follow", f"--logs {sent.name} --follow"),
        ("status", f"--status {sent.name}"),
        ("stop", f"--stop {sent.name}"),
    ):
        console.print(f"{key:10} {asking} {flags}", soft_wrap=True)
    return 0


def _logs(backend: Backend, name: str, follow: bool) -> int:
    for text in backend.logs(name, follow):
        sys.stdout.write(text)
        sys.stdout.flush()
    return (backend.exit_status(name) or 0) if follow else 0


def _list(jobs: list[JobLine], console: Console) -> None:
    if not jobs:
        console.print("no jobs")
    for each in jobs:
        begun = f"{each.begun:%Y-%m-%d %H:%M:%S}" if each.begun else ""
        console.print(f"{each.search:32} {each.status:10} {begun:20} {each.job}", soft_wrap=True)

"""``python -m search.submit``: send a search to a cluster, watch it, stop it."""

import argparse
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from search import environment
from search.command import search_parser
from search.flags import ALL, check_numbers, new_name
from search.space import available, read_space, space_file
from search.submission.backend import Backend, JobLine
from search.submission.config import Known, KubeRay, RayJobs, read_cluster
from search.submission.submission import Submission
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.secrets import masked

_EXAMPLES = """examples:
  python -m search.submit --cluster configs/clusters/ray.yaml -- --space gap5 --trials 64
  python -m search.submit --cluster configs/clusters/ray.yaml --dry-run -- --space all
  python -m search.submit --cluster configs/clusters/ray.yaml --status
  python -m search.submit --cluster configs/clusters/ray.yaml --logs NAME --follow
  python -m search.submit --cluster configs/clusters/ray.yaml --stop NAME
  python -m search.submit --cluster configs/clusters/ray.yaml -- --resume NAME
"""
_ALL_JOBS = ""


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 2 a flag or file is wrong, or the cluster does not do it; 130 interrupted, the search
    goes on. With ``--follow`` that of the search.
    """
    console = Console(highlight=False, markup=False)
    given = sys.argv[1:] if argv is None else argv
    own, search = _divided(given)
    try:
        arguments = command_line().parse_args(own)
        environment.prepare(loopback=False)
        return _act(arguments, search, console)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was sent goes on", file=sys.stderr)
        return 130


def _divided(argv: list[str]) -> tuple[list[str], list[str] | None]:
    """What stands before ``--``, and behind it; None where there is none."""
    if "--" not in argv:
        return argv, None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.submit",
        usage="%(prog)s --cluster FILE [--dry-run] [--follow] -- FLAGS OF search.run",
        description="Send a search to a cluster, watch it, stop it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--cluster", required=True, metavar="FILE", help="such as configs/clusters/ray.yaml"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent")
    parser.add_argument("--follow", action="store_true", help="print what the search prints")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--status", nargs="?", const=_ALL_JOBS, metavar="NAME", help="list the jobs")
    asked.add_argument("--logs", metavar="NAME", help="print what a search has printed")
    asked.add_argument("--stop", metavar="NAME", help="have a search close its records and end")
    return parser


def _act(arguments: argparse.Namespace, search: list[str] | None, console: Console) -> int:
    cluster = read_cluster(user_path(arguments.cluster, "--cluster"))
    asks = [key for key in ("status", "logs", "stop") if getattr(arguments, key) is not None]
    if asks and search is not None:
        raise UsageError(f"--{asks[0]} and flags behind -- exclude each other")
    backend = _backend(cluster)
    if arguments.status is not None:
        _list(backend.status(arguments.status or None), console)
    elif arguments.logs is not None:
        return _logs(backend, arguments.logs, arguments.follow)
    elif arguments.stop is not None:
        backend.stop(arguments.stop)
        console.print(f"{arguments.stop}: stopped", soft_wrap=True)
    elif search is None:
        raise UsageError("write -- and the flags of search.run, or --status, --logs or --stop")
    else:
        return _submit(backend, submission(cluster, search), arguments, console)
    return 0


def _backend(cluster: Known) -> Backend:
    # Each imports what only its kind needs.
    if isinstance(cluster, RayJobs):
        from search.submission.ray_jobs import RayJobsBackend

        return RayJobsBackend(cluster)
    if isinstance(cluster, KubeRay):
        from search.submission.kuberay import KubeRayBackend

        return KubeRayBackend(cluster)
    from search.submission.slurm import SlurmBackend

    return SlurmBackend(cluster)


def _submit(
    backend: Backend, sent: Submission, arguments: argparse.Namespace, console: Console
) -> int:
    if arguments.dry_run:
        console.print(backend.shown(sent), soft_wrap=True)
        return 0
    backend.submit(sent)
    asking = f"python -m search.submit --cluster {arguments.cluster}"
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


def submission(cluster: Known, flags: list[str]) -> Submission:
    """What is sent for the ``flags`` of a search on ``cluster``.

    Raises:
        UsageError: a flag or space is wrong, or a password would be shown on the cluster.
    """
    parser = search_parser()
    arguments = parser.parse_args(flags)
    _check(arguments)
    spaces = _own_spaces(arguments)
    if arguments.resume is None:
        stem = Path(arguments.space[0]).stem if len(arguments.space) == 1 else "leaderboard"
        arguments.name = new_name(arguments.name, stem)
    # A search that goes on has its own data and records.
    for key in ("out",) if arguments.resume else ("out", "data", "tracking_uri"):
        if getattr(arguments, key) in (None, parser.get_default(key)):
            setattr(arguments, key, getattr(cluster, key))
    if arguments.tracking_uri and masked(arguments.tracking_uri) != arguments.tracking_uri:
        raise UsageError(
            "the tracking URI holds a password, which all who see the cluster would see; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD on its nodes instead"
        )
    arguments.address = "auto"
    name = arguments.resume or arguments.name
    job = f"{name}-{datetime.now():%Y%m%d-%H%M%S}" if arguments.resume else name
    written = tuple(_written(parser, arguments))
    return Submission(name, job, written, spaces, dict(cluster.environment))


def _check(arguments: argparse.Namespace) -> None:
    if arguments.list:
        raise UsageError("--list: run python -m search.run --list here")
    if arguments.address is not None:
        raise UsageError(f"--address {arguments.address}: the cluster's file says where")
    if arguments.resume is None and not arguments.space:
        raise UsageError("--space is missing; choose one of " + ", ".join(available()))
    check_numbers(arguments)


def _own_spaces(arguments: argparse.Namespace) -> dict[str, Path]:
    """Files of spaces that the cluster does not have, by the path they get there.

    ``arguments.space`` names them by it.
    """
    found: dict[str, Path] = {}
    names: list[str] = []
    for name in arguments.space:
        if name != ALL and name not in available():
            path = space_file(name)
            read_space(path)
            name = f"spaces/{path.stem}.yaml"
            found[name] = path.resolve()
        names.append(name)
    arguments.space = names
    return found


def _written(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    """The flags that ``parser`` would read as ``arguments``."""
    words: list[str] = []
    for action in parser._actions:
        value: Any = getattr(arguments, action.dest, None)
        if value is None or value is False or value == parser.get_default(action.dest):
            continue
        for each in value if isinstance(value, list) else [value]:
            # One word each: a value that begins with a dash would be read as a flag.
            words.append(action.option_strings[0] + ("" if value is True else f"={each}"))
    return words


if __name__ == "__main__":
    sys.exit(main())

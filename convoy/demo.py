"""``python -m convoy.demo``: run a first search on embedded data and analyse its winner."""

import argparse
import os
import re
import socket
import sys
from pathlib import Path

from convoy.doors import DOORS
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command

_DOCKERS_MARK = Path("/.dockerenv")
_RUNS = "runs"


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 3 the search or the analysis ended with 3; 2 a flag or the folder is wrong; 130 or 143
    interrupted.
    """
    command_line().parse_args(argv)
    from search.request.flags import new_name

    name = new_name(None, "demo")
    print(f"{_place()}\n")
    searched = _step(1, "run", "--space", "gap5", "--data", "embedded", "--name", name)
    if searched not in (0, 3) or not Path(_RUNS, name, "summary.json").exists():
        return searched
    analysed = _step(2, "analyse", "--search", name)
    if analysed in (0, 3):
        print(f"\n{_end(name)}")
    return max(searched, analysed)


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    return Arguments(
        prog="python -m convoy.demo",
        description="Search gap5 on embedded data (no download) and analyse it, in minutes.",
    )


def _step(number: int, name: str, *flags: str) -> int:
    """Print which command follows, and run it; its exit status."""
    print(f"step {number} of 2: convoy {' '.join((name, *flags))}", flush=True)
    return DOORS[name].main(list(flags))


def _place() -> str:
    """The line that says where the results go and, in a container, how to keep them."""
    runs = Path(_RUNS).resolve()
    line = f"a first search and its analysis, some minutes; all results go to {runs}"
    # Podman sets this variable; its own mark is not on a file system that is read-only.
    variable = "container"
    engine = os.environ.get(variable) or ("docker" if _DOCKERS_MARK.exists() else "")
    if not engine:
        return line
    if any(map(os.path.ismount, (runs, *runs.parents[:-1]))):
        return f"{line}, a volume"
    return (
        f"{line} of this container alone.\nTo keep them, run this with --volume convoy-runs:{runs},"
        f" or without --rm and copy them at the end:\n{engine} cp {_container()}:{runs} ."
    )


def _container() -> str:
    """The id of this container, which is its host name by default."""
    host = socket.gethostname()
    return host if re.fullmatch("[0-9a-f]{12}", host) else "CONTAINER"


def _end(name: str) -> str:
    """The files that were made, and the command that shows more."""
    folder = Path(_RUNS, name).resolve()
    return "\n".join(
        [
            f"made in {folder}:",
            "  analysis/report.html   the whole report: open it in a browser first",
            "  analysis/model/        the winner, for use elsewhere",
            "  summary.json           the search and its trials",
            f"pages of all trials: convoy ui --search {name}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

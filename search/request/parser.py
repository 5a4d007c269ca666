"""The command line of ``search.run``."""

import argparse
from typing import TYPE_CHECKING

from search.request.flags import ScreenfulHelp, add_choice_flags, add_flags
from search.request.resume import add_resume_flag
from trainables.boundary.arguments import Arguments

if TYPE_CHECKING:
    pass

_ABOUT = """Search the hyperparameters of small CNNs, for example:
  python -m search.run --space gap5 --data embedded      nothing to download
  python -m search.run --space gap5 --set pool_stride=2  without a GPU
  python -m search.run --space all --trials 8            all, and a leaderboard
  python -m search.run --resume NAME                     after an interruption
"""


def search_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.run",
        usage="%(prog)s --space NAME [flags]",
        description=_ABOUT,
        formatter_class=ScreenfulHelp,
    )
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME",
        help="a space of --list, all, or a .yaml file; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="list the spaces and exit")
    parser.add_argument("--check", nargs="+", metavar="F", help="validate space files and exit")
    parser.add_argument("--trials", type=int, metavar="N", help="settings to try (default: space)")
    add_flags(parser)
    add_choice_flags(parser)
    add_resume_flag(parser)
    return parser

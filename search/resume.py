"""``--resume NAME``: the flags of a search that goes on."""

import argparse
from pathlib import Path
from typing import Any

from search.flags import out_folder
from search.search_file import read_search_file
from trainables.errors import UsageError


def add_resume_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--resume``."""
    parser.add_argument("--resume", metavar="NAME", help="go on with a search that was interrupted")


def resumed(
    arguments: argparse.Namespace, parser: argparse.ArgumentParser, argv: list[str]
) -> argparse.Namespace:
    """The flags with which search ``arguments.resume`` began, under those that are given again.

    Whether it is the same search still is seen from what it is asked to do, not from its flags.

    Args:
        arguments: as ``parser`` read ``argv``.
        parser: of the command; its defaults are lost.
        argv: what was given.

    Raises:
        UsageError: there is no such search, or another command began it.
    """
    name, given = arguments.resume, _given(parser, argv)
    if given.pop("name", name) != name or Path(name).name != name:
        raise UsageError(
            f"--resume {name}: write the search's name alone, its folder's parent as --out, and no "
            "--name"
        )
    written = read_search_file(out_folder(arguments) / name)
    if f"python -m {written.command}" != parser.prog:
        raise UsageError(
            f"--resume {name}: it was begun with python -m {written.command}; go on with that"
        )
    return argparse.Namespace(**{**vars(arguments), **written.flags, **given})


def _given(parser: argparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    """The flags in ``argv`` alone, without any default."""
    for action in parser._actions:
        action.default = argparse.SUPPRESS
    return vars(parser.parse_args(argv))

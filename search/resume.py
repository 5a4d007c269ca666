"""``--resume NAME``: the flags of a search that goes on."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from search.flags import out_folder
from search.search_file import SPACE_FILE, read_search_file
from trainables.boundary.errors import UsageError


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
    flags = dict(written.flags)
    if isinstance(flags.get("space"), list):
        kept = [out_folder(arguments) / each for each in (name, f"{name}-")]
        flags["space"] = [_space(each, *kept) for each in flags["space"]]
    return argparse.Namespace(**{**vars(arguments), **flags, **given})


def _space(asked: str, alone: Path, group: Path) -> str:
    """A space, or its file; where that is gone, as a job's own folder is, what was kept of it.

    Args:
        asked: the name or path with which the search began.
        alone: the folder of the search, if it is the only one.
        group: the beginning of its folder's name if it is one of several.
    """
    path = Path(asked)
    copies = [alone / SPACE_FILE, group.with_name(f"{group.name}{path.stem}") / SPACE_FILE]
    found = next((copy for copy in copies if copy.is_file()), None)
    if path.suffix not in (".yaml", ".yml") or path.exists() or found is None:
        return asked
    named = found.parent / "space" / path.name  # a space is called by its file's name
    named.parent.mkdir(exist_ok=True)
    shutil.copyfile(found, named)
    return str(named)


def _given(parser: argparse.ArgumentParser, argv: list[str]) -> dict[str, Any]:
    """The flags in ``argv`` alone, without any default."""
    for action in parser._actions:
        action.default = argparse.SUPPRESS
    return vars(parser.parse_args(argv))

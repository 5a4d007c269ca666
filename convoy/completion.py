"""``python -m convoy.completion SHELL``: print a script that lets a shell complete commands."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from convoy.doors import DOORS
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
SEARCHES, SPACES = "searches", "spaces"
# What completes a flag's value: looked up by the flag, else by its placeholder in the help.
_COMPLETED = {
    **dict.fromkeys(("--search", "--resume", "--warm-start"), SEARCHES),
    **dict.fromkeys(("argument NAME", "argument NAME|RUN_ID"), SEARCHES),
    **dict.fromkeys(("--check", "FILE", "PATH", "argument FILE|FOLDER"), "file"),
    "--space": SPACES,
    "DIR": "directory",
}
_EXAMPLES = """examples:
  convoy completion bash > ~/.local/share/bash-completion/completions/convoy
  convoy completion zsh > ~/.zfunc/_convoy        with ~/.zfunc in fpath
  convoy completion fish > ~/.config/fish/completions/convoy.fish
"""


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 the script is printed; 2 an argument is wrong.
    """
    arguments = command_line().parse_args(argv)
    if arguments.names:
        print(*_names(arguments.names), sep="\n")
    elif arguments.shell:
        print(_script(arguments.shell))
    else:
        raise UsageError(f"SHELL is missing; choose one of {', '.join(SHELLS)}")
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m convoy.completion",
        description="Print a script that lets a shell complete commands, flags and values.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shells = ", ".join(SHELLS)
    parser.add_argument("shell", nargs="?", choices=SHELLS, metavar="SHELL", help=shells)
    # The script itself uses this flag whenever it completes a name.
    parser.add_argument("--names", choices=(SEARCHES, SPACES), help=argparse.SUPPRESS)
    return parser


def _names(kind: str) -> list[str]:
    """The searches in ./runs, or the spaces: only names that a shell does not expand."""
    if kind == SPACES:
        from search.space.reader import available

        return [*available(), "all"]
    from search.space.naming import is_name

    folders = (file.parent.name for file in Path("runs").glob("*/search.json"))
    return sorted(filter(is_name, folders))


def _script(shell: str) -> str:
    from shtab import complete

    parser = argparse.ArgumentParser(prog="convoy")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, door in DOORS.items():
        flags = door.command_line()
        if name != "new":  # its NAME must not exist yet
            _complete(flags._actions)
        commands.add_parser(name, help=door.help, parents=[flags], add_help=False)
    return str(complete(parser, shell))


def _complete(actions: Iterable[argparse.Action]) -> None:
    """Set on each of ``actions`` what completes its values, as shtab reads it."""
    from shtab import CHOICE_FUNCTIONS, cmd

    choices = _choices()
    for action in actions:
        word = str(action.metavar)
        places = [*action.option_strings, word if action.option_strings else f"argument {word}"]
        for place in places:
            action.choices = choices.get(place, action.choices)
            if kind := _COMPLETED.get(place):
                names = cmd(f"convoy completion --names {kind} 2>/dev/null")
                vars(action)["complete"] = CHOICE_FUNCTIONS.get(kind, names)


def _choices() -> dict[str, list[str]]:
    """The values of flags that argparse does not check."""
    from analysis import figures
    from search.proposals import samplers, schedulers
    from trainables import scores
    from trainables.recipe import RECIPE_KEYS

    return {
        "--sampler": samplers.available(),
        "--scheduler": schedulers.available(),
        "--only": list(figures.available()),
        "--toggle": list(RECIPE_KEYS),
        "--metric": scores.available(),
    }


if __name__ == "__main__":
    sys.exit(main())

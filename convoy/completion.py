"""``python -m convoy.completion SHELL``: a script by which a shell completes ``convoy``."""

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
# What completes a value, by its flag, or else by the word that stands for it in the help.
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
        raise UsageError(f"name a shell: {', '.join(SHELLS)}")
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m convoy.completion",
        description="Print a script by which a shell completes commands, flags and their values.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shells = ", ".join(SHELLS)
    parser.add_argument("shell", nargs="?", choices=SHELLS, metavar="SHELL", help=shells)
    # What the script itself asks for, whenever a name is completed.
    parser.add_argument("--names", choices=(SEARCHES, SPACES), help=argparse.SUPPRESS)
    return parser


def _names(kind: str) -> list[str]:
    """The searches in ./runs, or the spaces: words in which a shell has nothing to expand."""
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
        if name != "new":  # whose NAME must not exist yet
            _complete(flags._actions)
        commands.add_parser(name, help=door.help, parents=[flags], add_help=False)
    return str(complete(parser, shell))


def _complete(actions: Iterable[argparse.Action]) -> None:
    """Tell the library what completes the values of ``actions``."""
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

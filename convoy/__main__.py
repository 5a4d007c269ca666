"""``convoy COMMAND``, or ``python -m convoy COMMAND``: any command of Convoy."""

import sys
from importlib.metadata import version

from convoy.doors import DOORS
from trainables.boundary.arguments import called_as
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` begins with, with the other words; its exit status."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(f"convoy {version('convoy')}")
        return 0
    if name not in DOORS:
        raise UsageError(
            f"{name!r} is not a command{nearest(name, DOORS)}; convoy --help lists them"
        )
    with called_as({door.spelled: f"convoy {short}" for short, door in DOORS.items()}):
        return DOORS[name].main(rest)


def _help() -> str:
    width = max(map(len, DOORS))
    return "\n".join(
        [
            "usage: convoy COMMAND [flags]",
            "",
            "Search hyperparameters of small image CNNs, and audit the winner for shortcuts.",
            "",
            *(f"  {name:{width}}  {door.help}" for name, door in DOORS.items()),
            "",
            "convoy COMMAND --help shows a command's flags, convoy --version the version.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

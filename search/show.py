"""``python -m search.show NAME``: show one search and the commands to continue with."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 2 a flag is wrong, or there is no such search; 130 interrupted.
    """
    from search.commands.show import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

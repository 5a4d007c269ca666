"""``python -m search.list``: list the searches in a folder and their states."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 2 a flag or the folder is wrong; 130 interrupted.
    """
    from search.commands.list import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

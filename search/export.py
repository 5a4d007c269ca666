"""``python -m search.export NAME``: write the trials and curves of a search as tables."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 both tables are written; 2 none is: a flag, file or record is wrong; 130 interrupted.
    """
    from search.commands.export import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

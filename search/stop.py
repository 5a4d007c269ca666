"""``python -m search.stop NAME``: stop a search that runs elsewhere; it can be resumed."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 the search has ended; 3 it was asked to end and still runs; 2 a flag is wrong, or it does not
    run; 130 interrupted, after it was asked to end.
    """
    from search.commands.stop import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m search.delete NAME ...``: remove searches with their folders and MLflow runs."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 deleted; 2 nothing was deleted, as a flag or name is wrong, a search runs, or the answer was
    no; 130 interrupted, and the same command deletes what is left.
    """
    from search.commands.delete import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

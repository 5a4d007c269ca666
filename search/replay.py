"""``python -m search.replay NAME|RUN_ID``: train a recorded run again and compare the two."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 the run repeats its record; 3 it does not; 2 a flag, file or record is wrong; 130 interrupted.
    """
    from search.commands.replay import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m search.run``: search one space or several.

Imports little by itself, so that Ctrl-C while torch is being imported ends it as it does later.
"""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 whole; 3 whole but with failed trials, without a winner, or with records that MLflow refused;
    2 a flag or file is wrong; 130 or 143 interrupted.
    """
    from search.commands.search import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

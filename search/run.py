"""``python -m search.run``: search one space or several.

It imports little at first, so that Ctrl-C during torch's import ends it as it does later.
"""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 the search is whole; 3 it is whole but trials failed, nothing won, or MLflow refused records;
    2 a flag or file is wrong; 130 or 143 interrupted.
    """
    from search.commands.search import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

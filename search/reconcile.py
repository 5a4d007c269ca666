"""``python -m search.reconcile NAME``: write a search's MLflow records again from its folder."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 3 MLflow refused something; 2 a flag, file or record is wrong; 130 interrupted.
    """
    from search.commands.reconcile import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

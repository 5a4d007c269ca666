"""``python -m search.submit``: send a search to a cluster, watch it, stop it."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 done; 2 a flag or file is wrong, or the cluster refuses; 130 interrupted, the search
    continues. With ``--follow`` the status of the search.
    """
    from search.commands.submit import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

"""``python -m search.ablate``: measure what each part of a setting brings."""

import sys

from trainables.boundary.door import command


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    It has the meaning of ``search.run``'s.
    """
    from search.commands.ablate import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())

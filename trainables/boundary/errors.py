"""The error that a user can correct."""

from collections.abc import Sequence

from trainables.boundary.secrets import masked


class UsageError(ValueError):
    """A flag, file or folder is wrong; the message says what, where and what to do.

    The message is one line that any terminal can show. It contains no password, even if it quotes
    another error.
    """

    def __init__(self, message: str) -> None:
        super().__init__(masked(printable(message)))


def printable(message: str) -> str:
    """``message`` as one line that any terminal can show."""
    line = " ".join(line.strip() for line in message.splitlines())
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first ``most`` of ``names``, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

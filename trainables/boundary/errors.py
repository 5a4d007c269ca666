"""The error that a user can mend."""

from trainables.boundary.secrets import masked


class UsageError(ValueError):
    """A flag, file or folder is wrong; the message says what, where and what to do.

    The message is one line that any terminal can show and tells no password, whatever text of
    another error it quotes.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(line.strip() for line in message.splitlines())
        shown = (letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        super().__init__(masked("".join(shown)))

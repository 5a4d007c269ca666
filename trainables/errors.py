"""The error that a user can mend."""


class UsageError(ValueError):
    """A flag, file or folder is wrong; the message says what, where and what to do.

    The message is one line, whatever text of another error it quotes.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(line.strip() for line in message.splitlines()))

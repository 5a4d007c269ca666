"""The error that a user can mend."""


class UsageError(ValueError):
    """A flag, file or folder is wrong; the message says what, where and what to do, in one line."""

"""Paths that a user wrote."""

import unicodedata
from pathlib import Path

from trainables.boundary.errors import UsageError


def user_path(written: str, flag: str) -> Path:
    """The absolute path that ``written`` means; it may be absent.

    Raises:
        UsageError: it cannot be one: an unknown home, a name too long, a control
            character, not UTF-8.
    """
    try:
        path = Path(written).expanduser().resolve()
        path.exists()
        str(path).encode()  # what is no UTF-8 can be neither printed nor recorded
        if any(unicodedata.category(each) == "Cc" for each in str(path)):
            raise ValueError("it holds a line break, or another control character")
    except (OSError, RuntimeError, ValueError) as error:
        shown = written[:80] if written.isprintable() else ascii(written[:80])
        raise UsageError(f"{flag} {shown}: not a path that can be used ({error})") from error
    return path

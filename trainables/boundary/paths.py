"""Check paths that a user wrote."""

import unicodedata
from pathlib import Path

from trainables.boundary.errors import UsageError


def user_path(written: str, flag: str) -> Path:
    """The absolute path for ``written``; nothing needs to exist there.

    Raises:
        UsageError: it is not a valid path: an unknown home, a name that is too long, a control
            character, or not UTF-8.
    """
    try:
        path = Path(written).expanduser().resolve()
        path.exists()
        str(path).encode()  # a path that is not UTF-8 can be neither printed nor recorded
        if any(unicodedata.category(each) == "Cc" for each in str(path)):
            raise ValueError("it holds a line break, or another control character")
    except (OSError, RuntimeError, ValueError) as error:
        shown = written[:80] if written.isprintable() else ascii(written[:80])
        raise UsageError(f"{flag} {shown}: not a path that can be used ({error})") from error
    return path

"""Paths that a user wrote."""

from pathlib import Path

from trainables.errors import UsageError


def user_path(written: str, flag: str) -> Path:
    """The absolute path that ``written`` means; it may be absent.

    Raises:
        UsageError: it cannot be one: an unknown home, a name too long, a null character.
    """
    try:
        path = Path(written).expanduser().resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{flag} {written[:80]}: not a path that can be used ({error})") from error
    return path

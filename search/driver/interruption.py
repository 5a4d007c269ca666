"""The exception with which a signal ends a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGTERM, alarm


class Interrupted(KeyboardInterrupt):
    """A signal ended a search before Tune's loop, or after it.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def ray_signals() -> Iterator[None]:
    """Know SIGTERM by what Ray makes of it as it starts: an exit with the signal's bare number.

    Ray's handler, Abseil's, sets an alarm besides, that aborts the process three seconds later if
    it is still there: it may be, with records to close.
    """
    try:
        yield
    except SystemExit as error:
        if error.code == SIGTERM:
            alarm(0)
            raise Interrupted(SIGTERM) from error
        raise

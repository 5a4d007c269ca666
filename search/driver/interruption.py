"""The exception with which a signal ends a command."""

import signal
import threading
from collections.abc import Callable, Iterator
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
    """Know SIGTERM by what Ray makes of it as it is joined: an exit with the signal's bare number.

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


@contextmanager
def interrupting() -> Iterator[Callable[[], None]]:
    """Have SIGTERM interrupt; what it yields has it do so again once Ray has its own handler."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def interrupt(number: int, _: object) -> None:
        alarm(0)  # Abseil's, if Ray had set its handler
        raise Interrupted(number)

    def listen() -> None:
        signal.signal(SIGTERM, interrupt)

    usual = signal.getsignal(SIGTERM)
    listen()
    try:
        yield listen
    finally:
        signal.signal(SIGTERM, usual)

"""The exception with which a signal ends a command."""

import ctypes
import signal
import threading
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
def interrupting() -> Iterator[None]:
    """Have SIGTERM interrupt, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: object) -> None:
        raise Interrupted(number)

    usual = signal.signal(SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(SIGTERM, usual)


@contextmanager
def same_sigterm() -> Iterator[None]:
    """Restore the process's handler of SIGTERM afterwards, even if a library has set another.

    Python's own functions set none in a thread; these, which they call, do.
    """
    handler_of, set_handler = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    handler_of.restype, set_handler.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    usual = handler_of(SIGTERM)
    try:
        yield
    finally:
        set_handler(SIGTERM, usual)

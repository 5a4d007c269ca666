"""How signals end a command: the exception that they raise, and their handlers."""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGTERM, alarm


class Interrupted(KeyboardInterrupt):
    """A signal ended a search before Tune's loop, or after it.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def ray_signals() -> Iterator[None]:
    """Treat Ray's exit on SIGTERM while joining a cluster, with the bare number, as the signal.

    Ray's handler, Abseil's, also sets an alarm that aborts a process which still runs three seconds
    later. The process may still have to close records.
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
    """Let SIGTERM raise ``Interrupted``, if this is the main thread."""
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
    """Restore the process's handler of SIGTERM at the end, even if a library has set another.

    Python's functions cannot set a handler in a thread; the C functions that are used here can.
    """
    handler_of, set_handler = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    handler_of.restype, set_handler.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
    usual = handler_of(SIGTERM)
    try:
        yield
    finally:
        set_handler(SIGTERM, usual)

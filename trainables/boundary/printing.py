"""Output that never ends a command, whatever its encoding, and whether anyone reads it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO, cast


class _Unfailing:
    """A stream that replaces what it cannot encode, and drops what nobody can read any more.

    Args:
        stream: a standard stream; whatever is not redefined here is its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text``, if that can be."""
        try:
            self._stream.write(text)
        except OSError:
            self._mute()
        return len(text)

    def flush(self) -> None:
        """Write what waits, if that can be."""
        try:
            self._stream.flush()
        except OSError:
            self._mute()

    def _mute(self) -> None:
        """Lead the stream nowhere: without a reader, or on a full disk, every write fails."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def unfailing_output() -> Iterator[None]:
    """Have whatever is printed within reach its reader as far as it can, and never raise."""
    out, errors = (
        None if stream is None else cast(TextIO, _Unfailing(stream))
        for stream in (sys.stdout, sys.stderr)
    )
    with redirect_stdout(out), redirect_stderr(errors):  # None where the stream is closed
        try:
            yield
        finally:
            for stream in filter(None, (out, errors)):
                stream.flush()

"""Output that never fails, whatever the encoding, and even if nobody reads it."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO, cast


class _Unfailing:
    """A stream that replaces characters it cannot encode, and drops text without a reader.

    Args:
        stream: a standard stream; attributes that are not defined here are its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text`` if possible."""
        try:
            self._stream.write(text)
        except OSError:
            self._mute()
        return len(text)

    def flush(self) -> None:
        """Write the buffer if possible."""
        try:
            self._stream.flush()
        except OSError:
            self._mute()

    def _mute(self) -> None:
        """Redirect the stream to nowhere, as every further write would fail too."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def unfailing_output() -> Iterator[None]:
    """Within the context, printing never raises: it writes as much as possible."""
    out, errors = (
        None if stream is None else cast(TextIO, _Unfailing(stream))
        for stream in (sys.stdout, sys.stderr)
    )
    with redirect_stdout(out), redirect_stderr(errors):  # None if the stream is closed
        try:
            yield
        finally:
            for stream in filter(None, (out, errors)):
                stream.flush()

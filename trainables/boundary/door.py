"""End every command with an exit status, and with one line on stderr for an error of the user's.

It imports little, so that a command can listen to Ctrl-C before its imports, which take seconds.
"""

import sys
from collections.abc import Callable
from errno import EACCES, EPERM, EROFS
from functools import wraps
from signal import SIGINT
from typing import ParamSpec

from trainables.boundary.errors import UsageError
from trainables.boundary.printing import unfailing_output

_Parameters = ParamSpec("_Parameters")


def exit_status(error: KeyboardInterrupt) -> int:
    """128 plus the signal's number: ``error.number`` if it has one, else SIGINT's."""
    return 128 + int(getattr(error, "number", SIGINT))


def command(main: Callable[_Parameters, int]) -> Callable[_Parameters, int]:
    """Wrap the ``main`` of a command: it prints a UsageError and returns 2, and ends on a signal.

    A file or folder without permission counts as an error of the user's too. For a
    KeyboardInterrupt, its own text is printed if it has one.
    """

    @wraps(main)
    @unfailing_output()
    def guarded(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except UsageError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except OSError as error:
            if error.errno not in (EACCES, EPERM, EROFS) or error.filename is None:
                raise
            place, why = error.filename, error.strerror
            print(
                f"error: {place}: {why}; change its permissions, or name another", file=sys.stderr
            )
            return 2
        except KeyboardInterrupt as error:
            print(str(error) or "interrupted", file=sys.stderr)
            return exit_status(error)

    return guarded

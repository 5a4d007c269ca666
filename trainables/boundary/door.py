"""How every command ends: an exit status, and one line on stderr where the user can mend it.

Imports little, so that a command may listen to Ctrl-C before it imports what takes seconds.
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
    """128 and the signal's number: SIGINT's, unless ``error`` has another as its ``number``."""
    return 128 + int(getattr(error, "number", SIGINT))


def command(main: Callable[_Parameters, int]) -> Callable[_Parameters, int]:
    """``main`` of a command, which prints a UsageError and returns 2, and ends on a signal.

    A file or folder that may not be used is the user's to mend too, wherever it is come upon.
    A KeyboardInterrupt's own text, if it has one, is what is printed.
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
            print(f"error: {place}: {why}; change who may use it, or name another", file=sys.stderr)
            return 2
        except KeyboardInterrupt as error:
            print(str(error) or "interrupted", file=sys.stderr)
            return exit_status(error)

    return guarded

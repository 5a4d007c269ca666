"""Python's garbage collector while much is imported: it would look for garbage where none is."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the collector, and have it leave alone for good what is there at the end.

    Importing torch, Ray and MLflow takes a quarter less time, and the end of the process, when
    Python looks at all of it again, a tenth.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if "triton" not in sys.modules:  # which reports what is left alone as leaks
            gc.freeze()
        if paused:
            gc.enable()

"""Pause Python's garbage collector during imports, when it would search in vain."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Iterator[None]:
    """Pause the collector; afterwards it ignores all objects that exist at the end.

    Importing torch, Ray and MLflow takes a quarter less time, and so does a tenth less the end of
    the process, when Python visits all objects again.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if "triton" not in sys.modules:  # triton reports ignored objects as leaks
            gc.freeze()
        if paused:
            gc.enable()

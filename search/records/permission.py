"""Writes that a tracking server permits only a moment after it made their experiment or model."""

import time
from collections.abc import Callable
from typing import TypeVar

from mlflow.exceptions import MlflowException

_T = TypeVar("_T")
WAIT = 5.0  # seconds for which a refused write is repeated
_PAUSE = 0.25  # seconds between two attempts


def when_permitted(write: Callable[[], _T]) -> _T:
    """The result of ``write``, which is repeated for some seconds while the server refuses it.

    A server with users makes an experiment or a registered model first and permits its maker to
    write to it afterwards. In between, another search of the same user sees it and is refused.

    Raises:
        MlflowException: the server still refuses, or reports another error.
    """
    deadline = time.monotonic() + WAIT
    while True:
        try:
            return write()
        except MlflowException as error:
            if error.error_code != "PERMISSION_DENIED" or time.monotonic() >= deadline:
                raise
        time.sleep(_PAUSE)

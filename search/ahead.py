"""Modules imported by a thread while the main one waits for something else."""

import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def importing(*modules: str) -> Iterator[None]:
    """Import ``modules`` meanwhile. Who needs one within imports it as ever."""
    threading.Thread(target=_import, args=modules, name="imports", daemon=True).start()
    yield


def _import(*modules: str) -> None:
    with suppress(Exception):  # it is raised again where the module is needed
        for each in modules:
            importlib.import_module(each)

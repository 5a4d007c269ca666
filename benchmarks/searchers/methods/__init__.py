"""Methods of searching, found in the files of this folder.

A file has dictionaries of ``Make`` by the method's name: ``METHODS`` for every task, ``CURVES``
only for trainings of several epochs, ``TABLES`` only for tables of final values, and ``ON_REQUEST``
for methods that run only if they are named, as they take hours. ``SLOW`` names methods that a quick
comparison leaves out. All are optional. A file whose library cannot be imported is left out.
"""

import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from benchmarks.searchers.method import Make
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

# Modules whose package has another name, or would replace packages that Convoy needs.
_PACKAGES = {"syne_tune": "syne-tune", "dehb": "--no-deps dehb"}


@dataclass(frozen=True)
class Catalogue:
    """The methods by name.

    Attributes:
        curves: methods for trainings of several epochs.
        tables: methods for tables of final values.
        on_request: methods that run only if they are named.
        slow: names of methods that a quick comparison leaves out.
        missing: a line on each file that was left out.
    """

    curves: dict[str, Make]
    tables: dict[str, Make]
    on_request: dict[str, Make]
    slow: frozenset[str]
    missing: tuple[str, ...]

    def of(self, epochs: int) -> dict[str, Make]:
        """The methods for trainings of ``epochs`` epochs."""
        return self.curves if epochs > 1 else self.tables


@cache
def catalogue() -> Catalogue:
    """All methods that can be imported."""
    curves, tables, on_request = dict[str, Make](), dict[str, Make](), dict[str, Make]()
    slow, missing = set[str](), list[str]()
    for file in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        try:
            module = import_module(f"{__name__}.{file}")
        except ImportError as error:
            missing.append(_line(file, error))
            continue
        every = getattr(module, "METHODS", {})
        curves |= every | getattr(module, "CURVES", {})
        tables |= every | getattr(module, "TABLES", {})
        on_request |= getattr(module, "ON_REQUEST", {})
        slow |= set(getattr(module, "SLOW", ()))
    return Catalogue(curves, tables, on_request, frozenset(slow), tuple(missing))


def _line(file: str, error: ImportError) -> str:
    module = (error.name or "").split(".")[0]
    install = f"; pip install {_PACKAGES.get(module, module)}" if module else ""
    return f"{file} is left out: {error}{install}"


def make(name: str, epochs: int) -> Make | None:
    """The method ``name``: from the catalogue, or Convoy's with a sampler and a scheduler.

    It is None if the method is for trainings of another number of epochs.

    Raises:
        UsageError: there is no such method.
    """
    from benchmarks.searchers.methods import convoy

    every = catalogue()
    known = every.of(epochs) | every.on_request
    if name in known:
        return known[name]
    if name in every.curves or name in every.tables:
        return None
    if name.startswith("convoy "):
        return convoy.named(name)
    names = every.curves | every.tables | every.on_request
    near = nearest(name, names) or f"; choose some of {', '.join(names)}"
    raise UsageError(f"method {name!r} does not exist{near}")

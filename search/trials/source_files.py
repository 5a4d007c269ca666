"""The hashes of the source files that a training runs, as git does not track all of them."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import FunctionType, ModuleType

from trainables import architectures

# Files of Python and of the project's requirements are identified by their version.
_LIBRARIES = {*sys.stdlib_module_names, "ray", "optuna", "mlflow", "torch", "torchvision", "numpy"}
_LIBRARIES |= {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "PIL"}
_LIBRARIES |= {"sklearn", "scipy", "pandas", "matplotlib", "captum"}


@dataclass(frozen=True)
class _SourceFile:
    """A module's file as it was when it was first read.

    Attributes:
        path: path from the folder that Python imports it from, such as ``trainables/recipe.py``.
        sha256: digest of its content, whatever ends its lines.
        imports: the modules that it may import.
    """

    path: str
    sha256: str
    imports: frozenset[str]


def source_files(architecture: str) -> dict[str, str]:
    """SHA-256 of every file that a training of ``architecture`` has imported so far, by its path.

    These are the files of ``trainables``, the architecture's own file, and the files that these
    import from any place, without libraries that are identified by their version. A file is read
    once in each process, as the process does not run later changes.

    Raises:
        UsageError: there is no such architecture.
    """
    architectures.builder(architecture)
    others = f"{architectures.__name__}."
    names = [name for name in list(sys.modules) if name.split(".")[0] == "trainables"]
    waiting = [name for name in names if not name.startswith(others)] + [others + architecture]
    modules: dict[ModuleType, _SourceFile | None] = {}
    while waiting:
        module = sys.modules.get(waiting.pop())
        if module is not None and module not in modules:
            modules[module] = _read(module)
            waiting += getattr(modules[module], "imports", ())
    return dict(sorted((file.path, file.sha256) for file in modules.values() if file))


def files_on_path(paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of those of ``paths`` that Python would import, named as by ``source_files``."""
    inside = [path for path in paths if not {"", ".."} & set(path.split("/"))]
    files = {path: [Path(root, path) for root in sys.path] for path in inside}
    first = {path: next(filter(Path.is_file, places), None) for path, places in files.items()}
    return {path: _digest(file.read_bytes()) for path, file in first.items() if file}


@cache
def _read(module: ModuleType) -> _SourceFile | None:
    """The file of a module; None for a package without one, or if it cannot be read."""
    file, loader = getattr(module, "__file__", None), getattr(module, "__loader__", None)
    try:
        content: bytes = loader.get_data(file)  # type: ignore[union-attr]
    except (AttributeError, OSError, TypeError):
        return None
    parent, _, _ = module.__name__.rpartition(".")
    folder = module.__name__ if hasattr(module, "__path__") else parent
    names = {parent, *_imports(module, content), *_objects(module)}
    return _SourceFile(
        "/".join([*filter(None, folder.split(".")), Path(str(file)).name]),
        _digest(content),
        frozenset(name for name in names if name.split(".")[0] not in _LIBRARIES),
    )


def _digest(content: bytes) -> str:
    """The digest of the text as Python reads it, as git may convert the ends of lines."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")).hexdigest()


def _imports(module: ModuleType, content: bytes) -> Iterator[str]:
    """The names that a module's statements import; each may be a module or a name within one."""
    nodes: Iterable[ast.AST] = ()
    with suppress(SyntaxError, ValueError):  # a compiled module
        nodes = ast.walk(ast.parse(content))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # an import beyond the top, in code that never runs
                written = "." * node.level + (node.module or "")
                base = resolve_name(written, module.__package__)
                yield from (base, *(f"{base}.{alias.name}" for alias in node.names))


def _objects(module: ModuleType) -> Iterator[str]:
    """The modules that a module's own names refer to, however they were imported.

    A package has a name for each of its modules that anything has imported, so these do not count.
    """
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            if not value.__name__.startswith(f"{module.__name__}."):
                yield value.__name__
        elif isinstance(value, type | FunctionType):
            yield value.__module__ or ""

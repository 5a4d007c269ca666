"""The order of the house: the rooms of ``search/``, which of them import which, sizes and names."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("convoy", "search", "trainables", "analysis", "benchmarks", "studies")

# Each room, and the rooms that it may import. The modules of search/ itself are doors: they may
# import every room, and no room imports one of them but environment.py.
MAY_IMPORT = {
    "template": "",
    "environment": "",
    "space": "",
    "trials": "",
    "selection": "space trials",
    "proposals": "selection space trials",
    "records": "selection space trials",
    "workers": "records trials",
    "reproduce": "records trials",
    "request": "proposals records selection space trials",
    "driver": "environment proposals records request selection trials workers",
    "clusters": "driver environment request space trials",
    "commands": "clusters driver environment records reproduce request selection space template "
    "trials",
}
ROOMS = MAY_IMPORT.keys() - {"environment"}


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in chain.from_iterable((ROOT / package).rglob("*.py") for package in packages):
        yield path.relative_to(ROOT), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Of each room and door of ``search/``, the others that its modules import, at any time."""
    targets = defaultdict(set)
    for path, tree in sources("search"):
        entry = Path(path.parts[1]).stem
        names = (name.split(".") for name in imported(tree))
        targets[entry] |= {name[1] for name in names if name[0] == "search" and name[1:]} - {entry}
    return targets


def entries() -> list[Path]:
    """What is seen on opening ``search/``."""
    return [path for path in (ROOT / "search").iterdir() if not path.name.startswith(("_", "."))]


def test_the_folders_of_search_are_its_rooms():
    assert {path.name for path in entries() if path.is_dir()} == ROOMS


def test_at_most_26_rooms_and_doors_are_seen_on_opening_search():
    assert len(entries()) <= 26


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_that_it_may(imports, room):
    assert imports[room] <= set(MAY_IMPORT[room].split())


def test_no_imports_between_rooms_and_doors_run_in_a_circle(imports):
    TopologicalSorter(imports).prepare()  # raises an error that names the circle


def test_no_two_classes_have_one_name():
    places = defaultdict(list)
    for path, tree in sources(*PACKAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_two_files_of_tests_have_one_name():
    names = Counter(path.name for path in ROOT.glob("tests/**/test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_function_has_more_than_50_lines_of_code():
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    long = [
        f"{path}:{node.lineno}: {node.name}, {lines} lines"
        for path, tree in sources(*PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, functions) and (lines := lines_of_code(node)) > 50
    ]
    assert long == []


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines from ``def`` on, without the docstring."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    lines = function.end_lineno - function.lineno + 1
    return lines - (docstring.end_lineno - docstring.lineno + 1 if docstring else 0)

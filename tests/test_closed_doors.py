"""What a file may do to whoever reads it: nothing but be read.

Weights are loaded without running their pickles, YAML without its tags' constructors, and no other
reader that runs what it reads is used. The source itself is looked through, so that a new reader is
seen here before a file makes use of it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("convoy", "trainables", "search", "analysis", "benchmarks", "studies")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
RUNNERS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "runpy.run_path"}
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
YAML = {"yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.full_load_all"}


def imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for, as a dotted path."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """``a.b.c`` of a name or attribute, the first part as it was imported."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def calls(source: str) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """The name of everything that is called, and its named arguments."""
    tree = ast.parse(source)
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            keywords = {word.arg: word.value for word in node.keywords if word.arg}
            yield dotted(node.func, names), keywords


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def is_safe_loader(node: ast.expr | None, source: str) -> bool:
    """True for PyYAML's safe loader, or a class of the same file that is one."""
    if node is None:
        return False
    tree = ast.parse(source)
    names = imported(tree)
    safe = {"yaml.SafeLoader", "yaml.CSafeLoader"}
    safe |= {
        part.name
        for part in ast.walk(tree)
        if isinstance(part, ast.ClassDef) and {dotted(base, names) for base in part.bases} & safe
    }
    return dotted(node, names) in safe


def open_doors(source: str) -> set[str]:
    """Calls that run what they read."""
    found = set()
    for name, keywords in calls(source):
        module, _, function = name.rpartition(".")
        unsafe = (
            name in RUNNERS | YAML
            or (name == "torch.load" and not is_constant(keywords.get("weights_only"), True))
            or (name == "yaml.load" and not is_safe_loader(keywords.get("Loader"), source))
            or (name == "numpy.load" and "allow_pickle" in keywords)
            or (module.split(".")[0] in UNPICKLERS and function in ("load", "loads", "Unpickler"))
            or is_constant(keywords.get("shell"), True)
        )
        if unsafe:
            found.add(name)
    return found


def test_nothing_here_runs_what_it_reads():
    assert len(FILES) > 100
    found = {
        (str(file.relative_to(ROOT)), name)
        for file in FILES
        for name in open_doors(file.read_text())
    }
    assert found == set()


OPEN = [
    "import torch\ntorch.load('x')",
    "import torch\ntorch.load('x', weights_only=False)",
    "import torch\nflag = True\ntorch.load('x', weights_only=flag)",
    "from torch import load as read\nread('x')",
    "import yaml\nyaml.load('x', Loader=yaml.Loader)",
    "import yaml\nyaml.load('x', yaml.UnsafeLoader)",
    "import yaml\nclass L(yaml.FullLoader): pass\nyaml.load('x', Loader=L)",
    "import yaml as y\ny.unsafe_load('x')",
    "import pickle\npickle.loads(b'x')",
    "from pickle import load\nload('x')",
    "import pickle as p\np.Unpickler('x').load()",
    "import numpy as np\nnp.load('x', allow_pickle=True)",
    "import joblib\njoblib.load('x')",
    "import subprocess\nsubprocess.run('x', shell=True)",
    "eval('x')",
]


@pytest.mark.parametrize("source", OPEN)
def test_a_reader_that_runs_what_it_reads_would_be_seen(source):
    assert open_doors(source)


SHUT = [
    "import torch\ntorch.load('x', weights_only=True)",
    "import yaml\nyaml.safe_load('x')",
    "import yaml\nclass L(yaml.SafeLoader): pass\nyaml.load('x', Loader=L)",
    "import pickle\npickle.dumps(1)",
    "import json\njson.loads('1')",
    "model.eval()",
]


@pytest.mark.parametrize("source", SHUT)
def test_a_reader_that_runs_nothing_is_let_pass(source):
    assert not open_doors(source)

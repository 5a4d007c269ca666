"""Imports run one way: studies and benchmarks, analysis, search, trainables."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "trainables": {
        "ray",
        "optuna",
        "mlflow",
        "rich",
        "yaml",
        "search",
        "analysis",
        "convoy",
        "benchmarks",
        "studies",
    },
    "search": {"analysis", "convoy", "matplotlib", "sklearn", "benchmarks", "studies"},
    "analysis": {"ray", "convoy", "benchmarks", "studies"},
    "convoy": {"benchmarks", "studies"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_nothing_from_above_it(package):
    files = list((ROOT / package).rglob("*.py"))
    found = {path.name: imported(path) & FORBIDDEN[package] for path in files}
    assert files
    assert not {name: bad for name, bad in found.items() if bad}


def test_importing_the_trainables_loads_no_search_library():
    import subprocess
    import sys

    code = "import sys, trainables.training, trainables.data; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert not {"ray", "optuna", "mlflow"} & set(out.stdout.split())


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("search.workers.train", {"torchvision", "sklearn", "mlflow", "optuna"}),
        ("search.workers.pack_member", {"torch", "torchvision", "sklearn", "mlflow", "optuna"}),
    ],
)
def test_a_worker_starts_without_what_it_does_not_need(module, absent):
    import subprocess
    import sys

    code = f"import sys, {module}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert not absent & set(out.stdout.split())


def test_measuring_throughput_and_recording_the_study_load_no_search_library():
    import subprocess
    import sys

    code = (
        "import sys, benchmarks.throughput, benchmarks.gpu.__main__, studies.selection.recording; "
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    # scikit-learn takes rich where it is there, and does without it elsewhere.
    unwanted = {"ray", "optuna", "mlflow", "yaml", "search", "analysis"}
    assert not unwanted & set(out.stdout.split())


def test_flags_and_names_of_spaces_are_refused_before_anything_large_is_imported():
    code = (
        "import sys; from search.run import main; print(main(['--space', 'gap55'])); "
        "print({'torch', 'ray', 'mlflow', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["2", "set()"]


def test_a_training_does_not_import_torch_s_compiler():
    code = (
        "import sys, torch\n"
        "from trainables.data import DataSpec, load\n"
        "from trainables.recipe import Setting\n"
        "from trainables.training import TrainingData, fit\n"
        "dataset = load(DataSpec(), 'embedded').limited(50, 100)\n"
        "data = TrainingData.of(dataset, torch.device('cpu'))\n"
        "for name in ('adamw', 'sgd'):\n"
        "    setting = Setting.of('conv3', {'optimizer': name, 'clip_norm': 1.0}, 2, 0)\n"
        "    epochs = list(fit(setting, data))\n"
        "    next(fit(setting, data, {**epochs[0].state, 'epoch': 1}))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert out.stdout.split() == ["False"], out.stderr


def test_the_command_imports_little_before_it_listens_to_ctrl_c():
    code = "import search.run, sys; print({'torch', 'ray', 'mlflow', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"

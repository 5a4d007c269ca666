"""The Dockerfile without a container engine: linted, complete, and run by nobody in particular."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from conftest import ROOT

TEXT = (ROOT / "Dockerfile").read_text()
STAGES = dict(
    re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def copied(stage: str) -> set[str]:
    """What a stage copies out of the repository, with what it is built on."""
    before = STAGES["dependencies"] if stage == "search" else ""
    text = STAGES["base"] + before + STAGES[stage]
    lines = re.findall(r"^COPY (.+) \S+$", text, flags=re.MULTILINE)
    return {name.split("/")[0] for line in lines for name in line.split()}


def imported(package: str) -> set[str]:
    """The top-level modules that the files of a package import."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / package).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def test_hadolint_has_nothing_to_say():
    beside = Path(sys.executable).parent / "hadolint"
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint")
    command = [hadolint, str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("package", ["search", "analysis"])
def test_the_image_of_a_search_has_every_package_that_it_imports(package):
    own = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {"search", "trainables", "analysis", "benchmarks"} <= own
    assert (imported(package) & own) | {package} <= copied("search")


def test_the_image_of_a_search_has_the_spaces():
    assert {"configs", "pyproject.toml"} <= copied("search")


def test_no_layer_of_dependencies_is_made_anew_when_the_code_changes():
    lines = re.findall(
        r"^COPY (.+) \S+$", STAGES["base"] + STAGES["dependencies"], flags=re.MULTILINE
    )
    assert lines == ["deploy/slim.sh", "locks/search.txt", "locks/torch.txt"]


def test_the_build_sees_what_it_copies_and_no_secret():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and line[0] != "#"]
    assert rules[0] == "*"
    seen = {line[1:] for line in rules if line[0] == "!"}
    assert seen == copied("search") | copied("tracking")
    assert not [name for name in seen if fnmatch(name, ".env*") or not (ROOT / name).exists()]


@pytest.mark.parametrize("stage", ["tracking", "search"])
def test_an_image_is_run_by_a_user_of_its_own(stage):
    assert "useradd --no-create-home --uid 1000 convoy" in STAGES["base"]
    assert re.findall(r"^USER (\w+)$", STAGES[stage], flags=re.MULTILINE) == ["1000"]
    after = STAGES[stage].split("\nUSER ")[1]
    assert "RUN" not in after


def installs(stage: str) -> list[str]:
    return re.findall(r"pip install ((?:\\\n|[^\n&;])+)", STAGES[stage])


@pytest.mark.parametrize(
    ("stage", "locks"), [("tracking", ["tracking"]), ("dependencies", ["search", "torch"])]
)
def test_every_dependency_is_of_a_lock_and_checked_by_its_hash(stage, locks):
    by_hash = [each for each in installs(stage) if "--require-hashes" in each]
    assert [re.findall(r"--requirement locks/(\w+)\.txt", each) for each in by_hash] == [
        [lock] for lock in locks
    ]
    assert all("--no-deps" in each for each in by_hash)


def test_only_an_index_of_torch_is_installed_from_without_hashes():
    (other,) = [each for each in installs("dependencies") if "--require-hashes" not in each]
    assert '--index-url "$TORCH_INDEX"' in other
    (project,) = installs("search")
    assert project.split()[-4:] == ["--no-deps", "--no-build-isolation", "--editable", "."]


@pytest.mark.parametrize("stage", ["tracking", "dependencies"])
def test_what_no_container_needs_is_deleted_in_the_layer_that_installs_it(stage):
    runs = [
        run for run in re.split(r"^RUN ", STAGES[stage], flags=re.MULTILINE) if "pip install" in run
    ]
    assert all("deploy/slim.sh" in run.split("\nCOPY")[0].split("\n#")[0] for run in runs)


def test_the_versions_of_torch_for_another_index_are_those_of_its_lock():
    """By the sed of the Dockerfile."""
    script = re.search(r"sed -nE '([^']+)'", STAGES["dependencies"])[1]
    lock = ROOT / "locks" / "torch.txt"
    done = subprocess.run(
        ["sed", "-nE", script, str(lock)], capture_output=True, text=True, check=True
    )
    names = [line.split("==")[0] for line in done.stdout.splitlines()]
    assert names == ["torch", "torchvision"]
    assert all(f"{line} \\" in lock.read_text().splitlines() for line in done.stdout.splitlines())


def test_the_entry_point_of_the_last_image_lists_its_roles_and_commands():
    """As the image does it without arguments; here with this Python."""
    assert list(STAGES)[-1] == "search"
    entry = ast.literal_eval(re.search(r"ENTRYPOINT (.+)", STAGES["search"])[1])
    python = entry.index("python")
    assert entry[python + 1] == "-m"
    assert "CMD" not in STAGES["search"]
    done = subprocess.run(
        [*entry[:python], sys.executable, *entry[python + 1 :]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert {"head", "worker", "demo", "run"} <= {
        line.split()[0] for line in done.stdout.splitlines() if line
    }


def test_no_address_of_a_registry_is_named():
    assert not re.search(r"https?://(?!127\.0\.0\.1|tracking)|pypi|docker\.io|ghcr", TEXT.lower())

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
    lines = re.findall(r"^COPY (.+) \S+$", STAGES["base"] + STAGES[stage], flags=re.MULTILINE)
    return {name for line in lines for name in line.split()}


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


def test_the_image_of_a_search_has_the_spaces_and_the_tested_versions():
    assert {"configs", "constraints.txt", "pyproject.toml"} <= copied("search")


def test_the_build_sees_what_it_copies_and_no_secret():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and line[0] != "#"]
    assert rules[0] == "*"
    seen = {line[1:] for line in rules if line[0] == "!"}
    assert seen == copied("search") | copied("tracking")
    assert not [name for name in seen if fnmatch(name, ".env*") or not (ROOT / name).exists()]


@pytest.mark.parametrize("stage", ["tracking", "search"])
def test_an_image_is_run_by_a_user_of_its_own(stage):
    assert "useradd --create-home --uid 1000 convoy" in STAGES["base"]
    assert re.findall(r"^USER (\w+)$", STAGES[stage], flags=re.MULTILINE) == ["1000"]
    after = STAGES[stage].split("\nUSER ")[1]
    assert "RUN" not in after


def test_the_tracking_image_has_the_service_extra_and_no_more():
    (line,) = re.findall(r"^RUN pip install (.+)$", STAGES["tracking"], flags=re.MULTILINE)
    wanted = [re.sub(r"[<>=!~].*", "", each) for each in EXTRAS["service"]]
    assert re.findall(r'"([^"]+)"', line) == wanted


def test_every_install_keeps_to_the_tested_versions():
    installs = re.findall(r"pip install(?:\\\n|[^\n&;])+", TEXT)
    assert len(installs) == 3
    assert all("--constraint constraints.txt" in each for each in installs)


@pytest.mark.parametrize("extra", ["service", "cluster"])
def test_the_tested_versions_hold_what_an_extra_asks_for(extra):
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    known = {line.split("==")[0] for line in lines}
    asked = {re.split(r"[\[<>=!~]", each)[0] for each in EXTRAS[extra]}
    assert asked <= known


def test_the_entry_point_of_the_last_image_lists_the_spaces():
    """As the image does it without arguments; here with this Python."""
    assert list(STAGES)[-1] == "search"
    words = re.search(r"ENTRYPOINT (.+)\nCMD (.+)", STAGES["search"])
    entry, command = (ast.literal_eval(part) for part in words.groups())
    assert entry == ["python", "-m", "search.run"]
    done = subprocess.run(
        [sys.executable, *entry[1:], *command], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "gap5" in done.stdout


def test_no_address_of_a_registry_is_named():
    assert not re.search(r"https?://(?!127\.0\.0\.1|tracking)|pypi|docker\.io|ghcr", TEXT.lower())

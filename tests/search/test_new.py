"""A network of one's own: from nothing to a leaderboard, in a copy of the project."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from search.new import main
from search.space.reader import SPACES
from trainables import architectures

PARTS = ("trainables", "search", "analysis", "configs", "tests", "pyproject.toml")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project, in which files can be written."""
    copy = tmp_path_factory.mktemp("project")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, copy)
    return copy


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess:
    """``python -m`` in the project's folder, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("name", "data"), [("mynet", "cifar10"), ("mynet2", "composite")])
def test_a_new_network_passes_the_conformance_tests_at_once(project, name, data):
    made = python(project, "search.new", name, "--data", data)
    assert made.returncode == 0, made.stderr
    assert_conforms(project, name)


EDITS = {
    "trials: 24, epochs: 20, grace_epochs: 5": "trials: 3, epochs: 50, finalists: 0",
    "budget: {trials: 8, epochs: 8, grace_epochs: 3": "budget: {trials: 1, epochs: 1",
    "# yaml-language-server: $schema=space.schema.json\n": "",
    "  mixup: [0.0, 0.2]\n": "",  # of the search and, below, of all else
    "  mixup: 0.0\n": "",
    ", mixup: 0.0}": "}",
}


@pytest.mark.slow
@pytest.mark.long
def test_it_does_so_whatever_its_budget_is_and_whatever_it_searches(project):
    assert python(project, "search.new", "edited").returncode == 0
    space = project / "configs" / "spaces" / "edited.yaml"
    for old, new in EDITS.items():
        assert old in space.read_text()
        space.write_text(space.read_text().replace(old, new, 1))
    assert_conforms(project, "edited", "tests/search/test_json_schema.py")


def assert_conforms(project: Path, name: str, *more: str) -> None:
    files = ("tests/test_architectures.py", "tests/search/test_space.py")
    tested = python(project, "pytest", *files, *more, "-q", "-k", f"{name} or {name}-")
    assert tested.returncode == 0, tested.stdout
    assert "passed" in tested.stdout


@pytest.mark.slow
@pytest.mark.long
def test_a_new_network_is_searched_beside_a_known_one_up_to_a_leaderboard(project):
    if not (project / "configs" / "spaces" / "mine.yaml").exists():
        python(project, "search.new", "mine")
    flags = ["--data", "embedded", "--trials", "1", "--epochs", "1", "--train-limit", "200"]
    flags += ["--val-limit", "100", "--finalists", "0", "--name", "two", "--quiet"]
    done = python(project, "search.run", "--space", "mine", "--space", "conv3", *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    with (project / "runs" / "two" / "leaderboard.csv").open() as file:
        rows = {row["space"]: row for row in csv.DictReader(file)}
    assert (rows["mine"]["source_accuracy"], rows["conv3"]["source_accuracy"]) == ("", "0.7429")
    assert 0 < float(rows["mine"]["best_val_accuracy"]) < 1


def test_it_says_what_it_wrote_and_what_to_type_next(project):
    lines = python(project, "search.new", "told").stdout.splitlines()
    assert lines == [
        f"wrote      {project}/trainables/architectures/told.py",
        f"wrote      {project}/configs/spaces/told.yaml",
        "check it   python -m pytest tests -k told",
        "search it  python -m search.run --space told --data embedded",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gap5", "already exists"),
        ("3net", "cannot be the name of a module"),
        ("my-net", "cannot be the name of a module"),
        ("class", "cannot be the name of a module"),
        ("../net", "cannot be the name of a module"),
        ("nét", "cannot be the name of a module"),
        ("all", "cannot be the name of a module"),
        ("n" * 41, "longer than 40 characters"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_written(name, reason, capsys):
    before = (architectures.available(), sorted(SPACES.iterdir()))
    assert main([name]) == 2
    assert reason in capsys.readouterr().err
    assert (architectures.available(), sorted(SPACES.iterdir())) == before


def test_a_folder_that_cannot_be_written_leaves_no_file(project, monkeypatch, capsys):
    monkeypatch.setattr("search.commands.new.SPACES", project / "not" / "there")
    assert main(["halfway"]) == 2
    assert "No such file" in capsys.readouterr().err
    assert "halfway" not in architectures.available()
